package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
)

// Whoever adds a reason to wait or to halt must say it in words here too.
func TestEveryReasonToWaitOrToHaltHasASentence(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "rotator", "reason.go"), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, d := range file.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Doc == nil || group.Tok != token.CONST || strings.HasPrefix(group.Doc.Text(), "Reasons to act") {
			continue
		}
		for _, spec := range group.Specs {
			for _, value := range spec.(*ast.ValueSpec).Values {
				text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				checked++
				if got := sentence(rotator.Reason(text)); got == text || got == "" {
					t.Errorf("reason %q has no sentence", text)
				}
			}
		}
	}
	if checked < 30 {
		t.Errorf("only %d reasons were found: the search is broken", checked)
	}
}

func TestDurationsAreRoundedForPeople(t *testing.T) {
	for _, x := range []struct {
		d    time.Duration
		want string
	}{
		{1500 * time.Millisecond, "1.5s"},
		{16 * time.Second, "16s"},
		{90 * time.Second, "1m30s"},
		{25 * time.Hour, "1d1h"},
		{100 * 24 * time.Hour, "100d"},
		{-2 * time.Hour, "-2h0m"},
	} {
		if got := roughly(x.d); got != x.want {
			t.Errorf("roughly(%s) = %q, want %q", x.d, got, x.want)
		}
	}
}

func TestTextFromElsewhereCannotMoveTheTerminal(t *testing.T) {
	if got := oneLine("a\nb\x1b[2Jc\r\u009bd"); got != "a b[2Jc d" {
		t.Errorf("oneLine = %q", got)
	}
}

func TestAMisspeltUserIsRecognised(t *testing.T) {
	known := []string{"prod/ci-deployer", "prod/backup-agent"}
	for name, want := range map[string]string{
		"prod/ci-deploier": "prod/ci-deployer", "prod/backupagent": "prod/backup-agent", "x/y": "", "": "",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestAdviceNamesTheKeysThatTheJournalKnows(t *testing.T) {
	user := rotator.User{Account: "prod", Name: "ci"}
	one, two := "AKIAAAAAAAAAAAAAAAA1", "AKIAAAAAAAAAAAAAAAA2"
	both := one + " Active created 2026-01-01; " + two + " Active created 2026-04-01"
	for _, x := range []struct {
		name string
		p    rotator.Progress
		want []string
	}{
		{"two keys, nothing known", rotator.Progress{Halt: &rotator.Halt{Reason: rotator.ReasonSecondKey, Detail: both}},
			[]string{"keyrotator adopt prod/ci " + one + "   # if " + one + " is the one in use", "keyrotator evict prod/ci " + two + "   # if " + one}},
		{"two keys, one known", rotator.Progress{Current: rotator.KeyID(one), Halt: &rotator.Halt{Reason: rotator.ReasonSecondKey, Detail: both}},
			[]string{"keyrotator adopt prod/ci " + one, "keyrotator evict prod/ci " + two}},
		{"a key that is gone is not proposed", rotator.Progress{Current: rotator.KeyID(one), Halt: &rotator.Halt{Reason: rotator.ReasonKeyGone, Detail: one}},
			[]string{"keyrotator adopt prod/ci KEY-IN-USE"}},
		{"the keys of a cycle", rotator.Progress{
			Cycle: &rotator.Cycle{Opening: rotator.Opening{Retire: rotator.KeyID(one), Keep: rotator.KeyID(two)}},
			Halt:  &rotator.Halt{Reason: rotator.ReasonNeverProven, Detail: two},
		}, []string{"keyrotator adopt prod/ci " + one, "keyrotator evict prod/ci " + two}},
	} {
		t.Run(x.name, func(t *testing.T) {
			got := strings.Join(haltOf(user, x.p).Commands, "\n")
			for _, want := range x.want {
				if !strings.Contains(got, want) {
					t.Errorf("commands are\n%s\nand lack %q", got, want)
				}
			}
		})
	}
}
