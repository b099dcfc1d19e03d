package gitlab_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/gitlab"
	"github.com/keyrotator/keyrotator/store/gitlab/gitlabtest"
)

func TestSomebodyElseAtTheSameTimeIsAConflict(t *testing.T) {
	s := gitlabtest.New(t)
	s.Before = func() {
		s.Places[gitlabtest.WebPlace] = append(s.Places[gitlabtest.WebPlace], &gitlabtest.Held{Key: names.Secret, Value: new("theirs"), Scope: "*"})
	}
	made := open(t, s, nil)
	wantError(t, put(t, made, credential), store.ErrConflict, "somebody made the variable meanwhile")
	wantError(t, put(t, made, credential), store.ErrForeign, names.Secret)

	s = gitlabtest.New(t)
	made = open(t, s, nil)
	if err := put(t, made, older); err != nil {
		t.Fatal(err)
	}
	s.Before = func() { s.Places[gitlabtest.WebPlace] = nil }
	wantError(t, put(t, made, credential), store.ErrConflict, "somebody removed AWS_SECRET_ACCESS_KEY")
}

// The mark would say that it is ours; its key says that it is not.
func TestAKeyThatAPersonPutUnderOurMarkIsForeign(t *testing.T) {
	document, err := store.JSON(names)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*gitlab.Options)
		edit   func(*gitlabtest.Server)
	}{
		{"another pair", nil, func(s *gitlabtest.Server) {
			s.Find(gitlabtest.WebPlace, names.Secret).Value, s.Find(gitlabtest.WebPlace, names.KeyID).Value = new("theirs-secret"), new("AKIATHEIRS")
		}},
		{"another document", func(o *gitlab.Options) { o.Variables, o.Visibility = single(t, document), gitlab.Visible }, func(s *gitlabtest.Server) {
			s.Find(gitlabtest.WebPlace, "AWS").Value = new(`{"AWS_ACCESS_KEY_ID": "AKIATHEIRS", "AWS_SECRET_ACCESS_KEY": "x"}`)
		}},
		{"no document", func(o *gitlab.Options) { o.Variables, o.Visibility = single(t, document), gitlab.Visible }, func(s *gitlabtest.Server) {
			s.Find(gitlabtest.WebPlace, "AWS").Value = new(`[1]`)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := gitlabtest.New(t)
			made := open(t, s, tt.change)
			if err := put(t, made, older); err != nil {
				t.Fatal(err)
			}
			tt.edit(s)
			wantError(t, put(t, made, credential), store.ErrForeign, "a person changed what lies under our mark")
			wantError(t, check(t, made), store.ErrForeign, "a person changed")
			if held, err := made.(store.Reader).Get(t.Context()); err == nil && held.Owner != "" {
				t.Errorf("it is still %q's", held.Owner)
			}
			adopting := open(t, s, func(o *gitlab.Options) {
				if tt.change != nil {
					tt.change(o)
				}
				o.Adopt = true
			})
			if err := put(t, adopting, credential); err != nil {
				t.Errorf("with adopt: %v", err)
			}
		})
	}
}

func TestMarksThatCannotBeReadAreNobodysToTakeOver(t *testing.T) {
	for description, want := range map[string]string{
		"keyrotator:prod/other:AKIA x":                                "prod/other's",
		"keyrotator:prod/ci-deployer":                                 "not whole",
		"keyrotator:prod/ci-deployer:A keyrotator:prod/ci-deployer:B": "not whole",
	} {
		s := gitlabtest.New(t)
		s.Places[gitlabtest.WebPlace] = []*gitlabtest.Held{{Key: names.KeyID, Value: new("AKIA"), Scope: "*", Description: new(description)}}
		for _, adopt := range []bool{false, true} {
			wantError(t, put(t, open(t, s, func(o *gitlab.Options) { o.Adopt = adopt }), credential), store.ErrForeign, want)
		}
	}
}

func TestAServerWithoutDescriptionsGoesByWhatIsRecorded(t *testing.T) {
	s := gitlabtest.New(t)
	s.Old = true
	made := open(t, s, nil)
	if err := put(t, made, older); err != nil {
		t.Fatal(err)
	}
	wantError(t, put(t, made, credential), store.ErrForeign, "exists without our mark")
	recorded := store.WithRecorded(t.Context(), true)
	for _, changed := range []bool{true, false} {
		if receipt, err := made.Put(recorded, credential); err != nil || receipt.Changed != changed {
			t.Errorf("put of what is recorded: %+v, %v", receipt, err)
		}
	}
	// Where there are descriptions, the record is no licence.
	s.Old = false
	wantError(t, second(made.Put(recorded, older)), store.ErrForeign, "exists without our mark")
}

func second[T any](_ T, err error) error { return err }

func TestAValueThatGitLabWouldNotMaskIsExplained(t *testing.T) {
	dotenv, err := store.Dotenv(names)
	if err != nil {
		t.Fatal(err)
	}
	s := gitlabtest.New(t)
	s.Places[gitlabtest.WebPlace] = []*gitlabtest.Held{{Key: names.Secret, Value: new(""), Scope: "*", Masked: true}}
	tests := []struct {
		name   string
		change func(*gitlab.Options)
		c      store.Credential
		want   string
	}{
		{"a document", func(o *gitlab.Options) { o.Variables = single(t, dotenv) }, credential, "AWS, since its value holds a space or a line break"},
		{"a hidden document", func(o *gitlab.Options) { o.Variables, o.Visibility = single(t, dotenv), gitlab.Hidden }, credential, "a space or a line break"},
		{"a short id", func(o *gitlab.Options) { o.EnvironmentScope = "x" }, store.NewCredential("AKIA", "canary-secret"), "AWS_ACCESS_KEY_ID, since its value is shorter than 8"},
		{"an expanded value", nil, store.NewCredential("AKIAIOSFODNN7EXAMPLE", "canary$HOME"), "AWS_SECRET_ACCESS_KEY, since its value holds other characters"},
		{"a long value", func(o *gitlab.Options) { o.Visibility = gitlab.Visible }, store.NewCredential("AKIA", strings.Repeat("canary", 2000)), "longer than 10000 characters"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := put(t, open(t, s, tt.change), tt.c)
			wantError(t, err, nil, tt.want)
			if !errors.Is(err, store.ErrShape) || len(s.Written) > 0 {
				t.Errorf("%v; written %q", err, s.Written)
			}
		})
	}
	if err := put(t, open(t, s, func(o *gitlab.Options) { o.Variables, o.Visibility = single(t, dotenv), gitlab.Visible }), credential); err != nil {
		t.Errorf("a document that all may see: %v", err)
	}
}

func TestADescriptionWithoutRoomForTheMarkIsLeftAlone(t *testing.T) {
	s := gitlabtest.New(t)
	s.Places[gitlabtest.WebPlace] = []*gitlabtest.Held{{Key: names.Secret, Value: new("x"), Scope: "*", Description: new(strings.Repeat("é", 250))}}
	err := put(t, open(t, s, func(o *gitlab.Options) { o.Adopt = true }), credential)
	wantError(t, err, nil, "shorten it")
	if !errors.Is(err, store.ErrShape) || len(s.Written) > 0 {
		t.Errorf("%v; written %q", err, s.Written)
	}
}

func TestAHiddenVariableIsNotTakenForAnEmptyOne(t *testing.T) {
	s := gitlabtest.New(t)
	s.Places[gitlabtest.WebPlace] = []*gitlabtest.Held{{Key: names.KeyID, Value: new("AKIATHEIRS"), Scope: "*", Hidden: true}}
	made := open(t, s, nil)
	_, err := made.(store.Reader).Get(t.Context())
	wantError(t, err, nil, "AWS_ACCESS_KEY_ID, which is hidden; set visibility: hidden")
	wantError(t, put(t, made, credential), store.ErrForeign, names.KeyID)
}

func TestAdoptingTheVeryPairStillMarksIt(t *testing.T) {
	s := gitlabtest.New(t)
	s.Seed(gitlabtest.WebPlace, "", names.KeyID+"="+credential.KeyID()+"\n"+names.Secret+"="+credential.RevealSecret()+"\n")
	if err := put(t, open(t, s, func(o *gitlab.Options) { o.Adopt = true }), credential); err != nil {
		t.Fatal(err)
	}
	held, err := open(t, s, nil).(store.Reader).Get(t.Context())
	if err != nil || held.Owner != "prod/ci-deployer" {
		t.Errorf("it is %q's, %v", held.Owner, err)
	}
}
