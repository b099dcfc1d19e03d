package charts_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
)

// chart is the folder of the chart, from the folder of this package.
const chart = "keyrotator"

var update = flag.Bool("update", false, "write what is generated")

// object is one object of Kubernetes, or a part of one.
type object = map[string]any

// programs is where the tools and the program under test are. Both are looked
// for once.
var programs struct {
	tools, built         sync.Once
	folder, scratch      string
	toolsError, goFailed error
}

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	scratch, err := os.MkdirTemp("", "keyrotator-charts-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	programs.scratch = scratch
	code := m.Run()
	if err := os.RemoveAll(scratch); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}

// tools is the folder with Helm and what else tries a chart.
func tools(t *testing.T) string {
	t.Helper()
	programs.tools.Do(func() {
		out, err := exec.Command("../internal/tools/install.sh", "helm", "--built").Output()
		programs.folder, programs.toolsError = strings.TrimSpace(string(out)), withMessages(err)
	})
	if programs.toolsError != nil {
		t.Fatal(programs.toolsError)
	}
	return programs.folder
}

// keyrotator is the program that reads the configuration, built of this tree.
func keyrotator(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(programs.scratch, "keyrotator")
	programs.built.Do(func() {
		_, err := exec.Command("go", "build", "-o", binary, "../cmd/keyrotator").Output()
		programs.goFailed = withMessages(err)
	})
	if programs.goFailed != nil {
		t.Fatal(programs.goFailed)
	}
	return binary
}

// withMessages adds what a program wrote to stderr.
func withMessages(err error) error {
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // as exec returns it
		return fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return err
}

// answer is what a program said.
type answer struct {
	stdout, stderr string
	err            error
}

// run starts a program of the tools folder, which must not read anything of
// whoever runs the tests.
func run(t *testing.T, name string, args ...string) answer {
	t.Helper()
	return start(t.Context(), t.TempDir(), filepath.Join(tools(t), name), nil, args...)
}

func start(ctx context.Context, home, program string, environment []string, args ...string) answer {
	cmd := exec.CommandContext(ctx, program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = append([]string{"HOME=" + home, "PATH=/usr/bin:/bin", "HELM_CACHE_HOME=" + home, "HELM_CONFIG_HOME=" + home, "HELM_DATA_HOME=" + home, "KUBECONFIG=" + home + "/none"}, environment...)
	err := cmd.Run()
	return answer{stdout.String(), stderr.String(), err}
}

// render is helm template with these values files, as a release keyrotator in the
// namespace security.
func render(t *testing.T, values ...string) answer {
	t.Helper()
	args := []string{"template", "keyrotator", chart, "--namespace", "security"}
	for _, file := range values {
		args = append(args, "--values", file)
	}
	return run(t, "helm", args...)
}

// objects are what render makes, which must succeed.
func objects(t *testing.T, values ...string) []object {
	t.Helper()
	a := render(t, values...)
	if a.err != nil {
		t.Fatalf("helm template: %v: %s", a.err, a.stderr)
	}
	return documents(t, a.stdout)
}

func documents(t *testing.T, text string) []object {
	t.Helper()
	var all []object
	for part := range strings.SplitSeq("\n"+text, "\n---\n") {
		var one object
		if err := yaml.Unmarshal([]byte(part), &one); err != nil {
			t.Fatalf("what was rendered is no YAML: %v", err)
		}
		if one != nil {
			all = append(all, one)
		}
	}
	return all
}

// find is the one object of that kind.
func find(t *testing.T, all []object, kind string) object {
	t.Helper()
	for _, o := range all {
		if o["kind"] == kind {
			return o
		}
	}
	t.Fatalf("there is no %s among what was rendered", kind)
	return nil
}

// at follows keys and indexes into an object; nil where there is nothing.
func at(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			inner, _ := value.(object)
			value = inner[step]
		case int:
			inner, _ := value.([]any)
			if step >= len(inner) {
				return nil
			}
			value = inner[step]
		}
	}
	return value
}

// valuesFiles are those of ci, by name.
func valuesFiles(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(chart + "/ci/*-values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < 3 {
		t.Fatalf("only %d values files were found", len(paths))
	}
	files := map[string]string{}
	for _, path := range paths {
		files[strings.TrimSuffix(filepath.Base(path), "-values.yaml")] = path
	}
	return files
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
