package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/internal/tools/cluster"
	"github.com/keyrotator/keyrotator/internal/tools/vaultserver"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// One server of each for all tests of this package, started by the first.
var (
	vaults   = sync.OnceValue(func() *vaultserver.Shared { return &vaultserver.Shared{} })
	clusters = sync.OnceValue(func() *cluster.Shared { return &cluster.Shared{} })
)

// variable is the name of the one variable that holds a whole credential where a
// kind has variables: a reader of two could see half of a pair.
const variable = "AWS_CREDENTIALS"

// somewhere is a place of one kind of store, with whoever else has to do with it.
type somewhere struct {
	// yaml is the store as a user writes it, but for adopt.
	yaml string
	// seed puts a credential there as a person would.
	seed func(id, secret string) error
	// read reads the document there, as a consumer does; nil for none.
	read func() ([]byte, error)
	// door is the way to the service, nil for AWS, files and programs.
	door *door
	// forbid takes away what writing needs, and what lies there.
	forbid func() error
}

// everywhere is a world with one place of every kind of store, all empty, and
// the user ci with a key that is an hour old.
type everywhere struct {
	*world
	keeper           *doorkeeper
	places           map[string]*somewhere
	tokens           []string
	oldID, oldSecret string
	// The cluster's file and the namespace of the Secret.
	kubeconfig, namespace string
}

func newEverywhere(t *testing.T) *everywhere {
	t.Helper()
	e := &everywhere{world: newWorld(t), keeper: &doorkeeper{}, places: map[string]*somewhere{}}
	if _, err := e.emu.CreateUser(testAccount, "ci"); err != nil {
		t.Fatal(err)
	}
	var err error
	if e.oldID, e.oldSecret, err = e.emu.CreateAccessKey(testAccount, "ci"); err != nil {
		t.Fatal(err)
	}
	if err := e.emu.SetKeyCreated(e.oldID, e.emu.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	for kind, furnish := range map[string]func(*testing.T) *somewhere{
		"secretsmanager": e.secretsManager, "ssm": e.parameter, "file": e.fileHere, "exec": e.program, "webhook": e.receiver,
		"github": e.gitHub, "gitlab": e.gitLab, "terraform": e.terraform, "circleci": e.circleCI, "bitbucket": e.bitbucket,
		"azuredevops": e.azureDevOps, "vault": e.vault, "kubernetes": e.kubernetes,
	} {
		e.places[kind] = furnish(t)
	}
	return e
}

// config names the user with the stores, and whatever else its consumers have.
func (e *everywhere) config(policy string, consumers ...string) string {
	return e.configText(policy) + "users:\n  - user: emu/ci\n    consumers:\n      - " + strings.Join(consumers, "\n      - ") + "\n"
}

// token puts a token where the configuration reads it from.
func (e *everywhere) token(t *testing.T, user, token string) string {
	t.Helper()
	e.keeper.knows(user, token)
	e.tokens = append(e.tokens, token)
	return "${file:" + e.text(t, fmt.Sprintf("token-%d", len(e.tokens)), token) + "}"
}

// text writes a file and names its path.
func (e *everywhere) text(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(e.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// credential is what a consumer of a place finds there.
func (s *somewhere) credential() (aws.Credentials, error) {
	text, err := s.read()
	if err != nil {
		return aws.Credentials{}, err
	}
	var value struct {
		ID     string `json:"AWS_ACCESS_KEY_ID"`     //nolint:tagliatelle // the names that the AWS SDKs read
		Secret string `json:"AWS_SECRET_ACCESS_KEY"` //nolint:tagliatelle // the names that the AWS SDKs read
	}
	if err := json.Unmarshal(text, &value); err != nil {
		return aws.Credentials{}, errors.New("what lies there is no JSON") // the error would quote it
	}
	return aws.Credentials{AccessKeyID: value.ID, SecretAccessKey: value.Secret}, nil
}

func (e *everywhere) secretsManager(*testing.T) *somewhere {
	return &somewhere{
		yaml: "secretsmanager: {secret: ci, create: true",
		seed: func(id, secret string) error {
			_, err := e.emu.PutSecret(testAccount, "us-east-1", "ci", secretValue(id, secret))
			return err
		},
		read: func() ([]byte, error) {
			text, _, err := e.emu.Secret(testAccount, "us-east-1", "ci", "")
			return []byte(text), err
		},
		forbid: func() error { return e.emu.Deny(testAccount, awsemu.AdminUser, "secretsmanager:*") },
	}
}

func (e *everywhere) fileHere(t *testing.T) *somewhere {
	t.Helper()
	path := filepath.Join(e.dir, "file", "ci.json")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	return &somewhere{
		yaml: fmt.Sprintf("file: {path: %s, format: json", path),
		seed: func(id, secret string) error { return os.WriteFile(path, []byte(secretValue(id, secret)), 0o600) },
		read: func() ([]byte, error) { return os.ReadFile(path) },
		// Root lacks no permission.
		forbid: func() error { return os.RemoveAll(filepath.Dir(path)) },
	}
}

// programText keeps a credential in a file, below the mark, and writes down what
// everybody on the machine sees of it while it runs.
const programText = `place=$2
{ cat /proc/[0-9]*/cmdline /proc/$$/environ /proc/self/environ | tr '\000' '\n'; ps -o args; } >>"$place.processes" 2>/dev/null
[ ! -e "$place.forbidden" ] || { echo "the role lacks PutObject on this bucket" >&2; exit 13; }
case $1 in
get) [ -e "$place" ] || exit 11; cat "$place" ;;
put) { echo "$KEYROTATOR_USER"; cat; } >"$place.new" && mv "$place.new" "$place" ;;
esac`

func (e *everywhere) program(t *testing.T) *somewhere {
	t.Helper()
	path := filepath.Join(e.dir, "program")
	return &somewhere{
		yaml: fmt.Sprintf("exec: {command: [%s, %s], reads: true", scriptOf(t, programText), path),
		seed: func(id, secret string) error {
			return os.WriteFile(path, []byte("\n"+secretValue(id, secret)), 0o600)
		},
		read: func() ([]byte, error) {
			text, err := os.ReadFile(path)
			_, document, _ := strings.Cut(string(text), "\n")
			return []byte(document), err
		},
		forbid: func() error { return errors.Join(os.Remove(path), os.WriteFile(path+".forbidden", nil, 0o600)) },
	}
}

// check is what the command check finds in AWS and the places, by where it is;
// warnings about a policy for tests are left out. AWS is asked, and never told.
func (e *everywhere) check(t *testing.T) map[string]finding {
	t.Helper()
	known := uint64(0)
	for _, c := range e.emu.Calls() {
		known = c.Seq
	}
	code, text := e.command("check", "-o", "json")
	for _, c := range e.emu.Calls() {
		if c.Seq > known && !slices.ContainsFunc([]string{"Get", "List", "Describe"}, func(verb string) bool { return strings.HasPrefix(c.Operation, verb) }) {
			t.Errorf("a check called %s", c.Operation)
		}
	}
	form, _, _ := strings.Cut(text, "\nnothing was found")
	var report checkReport
	if err := json.Unmarshal([]byte(form), &report); err != nil {
		t.Fatalf("check says %s", text)
	}
	if code != report.exitCode() || len(report.Findings) > 0 && code == exitOK {
		t.Errorf("check ends with %d, want %d", code, report.exitCode())
	}
	found := map[string]finding{}
	for _, f := range report.Findings {
		if f.Severity == severityWarning {
			continue
		}
		if also, twice := found[f.Where]; twice {
			f.Finding += "; " + also.Finding
		}
		found[f.Where] = f
	}
	return found
}

// names are what stores call themselves in findings and in the journal, by the
// consumer's name.
func (e *everywhere) names(t *testing.T, cfg *config.Config) map[string]string {
	t.Helper()
	fleet, err := buildFleet(t.Context(), cfg, e.options(t).reach)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for i, c := range fleet.Targets[rotator.User{Account: "emu", Name: "ci"}].Consumers {
		names[cfg.Users[0].Consumers[i].Name] = c.Name()
	}
	return names
}
