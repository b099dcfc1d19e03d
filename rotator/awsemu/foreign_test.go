package awsemu_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// The foreign clients: AWS's own programs as Debian packages them, which nobody of this project wrote.
const (
	awsProgram    = "/usr/bin/aws"
	pythonProgram = "/usr/bin/python3"
)

// credential signs a foreign call.
type credential struct{ id, secret, token string }

// foreigner makes one API call with somebody else's program: "" and the answer, or the error code.
type foreigner interface {
	call(t *testing.T, who credential, service, operation string, params map[string]any) (code string, out map[string]any)
}

func TestForeignClientsAgree(t *testing.T) {
	programs := map[string]func(t *testing.T, endpoint string) foreigner{
		"aws command line": newCommandLine,
		"boto3":            newBoto3,
	}
	for name, start := range programs {
		for part, scenario := range foreignScenarios() {
			t.Run(name+": "+part, func(t *testing.T) {
				t.Parallel()
				server := awsemu.New(awsemu.Options{Seed: 9})
				must(t, server.CreateAccount(prod))
				id, secret, err := server.Admin(prod)
				must(t, err)
				l, err := server.Listen("127.0.0.1:0")
				must(t, err)
				t.Cleanup(func() { must(t, l.Close()) })
				scenario(t, server, &stranger{t: t, by: start(t, l.URL()), who: credential{id, secret, ""}})
			})
		}
	}
}

// required fails when a program is missing: a test that is skipped would prove nothing.
func required(t *testing.T, path string, probe ...string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is missing; run: apt-get install -y --no-install-recommends awscli python3-boto3", path)
	}
	if len(probe) == 0 {
		return
	}
	c := exec.CommandContext(t.Context(), path, probe...)
	c.Env = cleanEnv(t)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s does not work (%v): %s\nrun: apt-get install -y --no-install-recommends awscli python3-boto3", path, err, out)
	}
}

// cleanEnv holds nothing of this machine's: no home, no profile, no metadata service, and a proxy that leads nowhere
// for whatever is not on loopback.
func cleanEnv(t *testing.T, more ...string) []string {
	home := t.TempDir()
	nowhere := "http://127.0.0.1:9"
	return append([]string{
		"HOME=" + home, "PATH=/usr/bin:/bin", "LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=" + filepath.Join(home, "config"),
		"AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(home, "credentials"), "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1",
		"HTTP_PROXY=" + nowhere, "HTTPS_PROXY=" + nowhere, "http_proxy=" + nowhere, "https_proxy=" + nowhere,
		"NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1",
	}, more...)
}

// kebab turns CreateAccessKey into create-access-key.
func kebab(operation string) string {
	var b strings.Builder
	for i, r := range operation {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// commandLine runs /usr/bin/aws once a call.
type commandLine struct{ endpoint string }

func newCommandLine(t *testing.T, endpoint string) foreigner {
	required(t, awsProgram)
	return commandLine{endpoint}
}

func (c commandLine) call(t *testing.T, who credential, service, operation string, params map[string]any) (string, map[string]any) {
	t.Helper()
	if params == nil {
		params = map[string]any{}
	}
	input, err := json.Marshal(params)
	must(t, err)
	env := cleanEnv(t, "AWS_ACCESS_KEY_ID="+who.id, "AWS_SECRET_ACCESS_KEY="+who.secret, "AWS_DEFAULT_REGION="+region)
	if who.token != "" {
		env = append(env, "AWS_SESSION_TOKEN="+who.token)
	}
	p := exec.CommandContext(t.Context(), awsProgram, "--endpoint-url", c.endpoint, "--output", "json", "--no-paginate",
		service, kebab(operation), "--cli-input-json", string(input))
	p.Env = env
	var stdout, stderr bytes.Buffer
	p.Stdout, p.Stderr = &stdout, &stderr
	err = p.Run()
	if err == nil {
		out := map[string]any{}
		if stdout.Len() > 0 {
			must(t, json.Unmarshal(stdout.Bytes(), &out))
		}
		return "", out
	}
	m := regexp.MustCompile(`An error occurred \((\w+)\) when calling the (\w+) operation`).FindStringSubmatch(stderr.String())
	if len(m) != 3 || m[2] != operation {
		t.Fatalf("aws %s %s: %v: %s", service, operation, err, stderr.String())
	}
	return m[1], nil
}

// boto3 talks to one Python process for all calls.
type boto3 struct {
	endpoint string
	in       io.Writer
	out      *bufio.Scanner
}

func newBoto3(t *testing.T, endpoint string) foreigner {
	required(t, pythonProgram, "-c", "import boto3")
	p := exec.CommandContext(t.Context(), pythonProgram, filepath.Join("testdata", "boto3_client.py"))
	p.Env = cleanEnv(t)
	var stderr bytes.Buffer
	p.Stderr = &stderr
	in, err := p.StdinPipe()
	must(t, err)
	out, err := p.StdoutPipe()
	must(t, err)
	must(t, p.Start())
	t.Cleanup(func() {
		must(t, in.Close())
		if err := p.Wait(); err != nil && !errors.Is(err, exec.ErrWaitDelay) && t.Context().Err() == nil {
			t.Errorf("python: %v: %s", err, stderr.String())
		}
	})
	return &boto3{endpoint, in, bufio.NewScanner(out)}
}

func (b *boto3) call(t *testing.T, who credential, service, operation string, params map[string]any) (string, map[string]any) {
	t.Helper()
	if params == nil {
		params = map[string]any{}
	}
	must(t, json.NewEncoder(b.in).Encode(map[string]any{
		"endpoint": b.endpoint, "region": region, "id": who.id, "secret": who.secret, "token": who.token,
		"service": service, "operation": strings.ReplaceAll(kebab(operation), "-", "_"), "params": params,
	}))
	if !b.out.Scan() {
		t.Fatalf("python ended: %v", b.out.Err())
	}
	var answer struct {
		Out  map[string]any
		Code string
	}
	must(t, json.Unmarshal(b.out.Bytes(), &answer))
	return answer.Code, answer.Out
}
