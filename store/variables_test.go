package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
)

func variables(t *testing.T, names store.Names) store.Variables {
	t.Helper()
	v, err := store.NewVariables(names)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTheSecretIsWrittenBeforeTheID(t *testing.T) {
	v := variables(t, store.Names{KeyID: "ID", Secret: "SECRET", SMTPUser: "USER", SMTPPassword: "PASSWORD", SMTPRegion: "eu-west-1"})
	rendered, err := v.Render(store.NewCredential("AKIA1", "canary-secret"))
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, one := range rendered {
		order = append(order, one.Name)
		if one.RevealValue() == "" {
			t.Errorf("%s is empty", one.Name)
		}
	}
	if want := []string{"SECRET", "PASSWORD", "ID", "USER"}; !slices.Equal(order, want) || !slices.Equal(v.Names(), want) {
		t.Errorf("the order is %v, want %v", order, want)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", rendered, rendered, rendered, rendered); strings.Contains(text, "canary") {
		t.Error("a variable shows its value")
	}
}

func TestVariablesAreReadBack(t *testing.T) {
	credential := store.NewCredential("AKIA1", "abc/def")
	shape, err := store.JSON(store.Names{KeyID: "id", Secret: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	single, err := store.NewSingleVariable("BOTH", shape)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]store.Variables{"two": variables(t, store.Names{KeyID: "ID", Secret: "SECRET"}), "one": single} {
		rendered, err := v.Render(credential)
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]string{"OTHER": "1"}
		for _, one := range rendered {
			values[one.Name] = one.RevealValue()
		}
		if back, err := v.Parse(values); err != nil || !back.Equal(credential) || !v.Readable() {
			t.Errorf("%s: read back %v, %v", name, back, err)
		}
		if back, err := v.Parse(map[string]string{"OTHER": "1"}); !errors.Is(err, store.ErrEmpty) {
			t.Errorf("%s: nothing read back as %v, %v", name, back, err)
		}
	}
}

func TestATraceOfVariablesTellsNoSecret(t *testing.T) {
	dotenv, err := store.Dotenv(store.Names{})
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		names  store.Names
		single string
		values map[string]string
		want   string
	}{
		"the key id where there is one":     {store.Names{KeyID: "id", Secret: "secret"}, "", map[string]string{"id": "AKIAX", "secret": "s3cret"}, "AKIAX"},
		"a hash where there is none":        {store.Names{Secret: "secret"}, "", map[string]string{"secret": "s3cret"}, "sha256:"},
		"nothing of nothing":                {store.Names{KeyID: "id", Secret: "secret"}, "", nil, ""},
		"what the document in a value says": {store.Names{}, "document", map[string]string{"document": "AWS_ACCESS_KEY_ID=AKIAX\nAWS_SECRET_ACCESS_KEY=s3cret\n"}, "AKIAX"},
	} {
		v, err := store.NewSingleVariable("document", dotenv)
		if x.single == "" {
			v, err = store.NewVariables(x.names)
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := v.Trace(x.values)
		if err != nil || !strings.HasPrefix(got, x.want) || (got == "") != (x.want == "") || strings.Contains(got, "s3cret") {
			t.Errorf("%s: %q, %v, want %q", name, got, err, x.want)
		}
	}
}

func TestVariablesThatCannotBeAreRefused(t *testing.T) {
	if _, err := store.NewVariables(store.Names{KeyID: "ID"}); err == nil {
		t.Error("variables without a secret were made")
	}
	if _, err := store.NewSingleVariable("", nil); err == nil {
		t.Error("a variable without a name was made")
	}
	if _, err := variables(t, store.Names{KeyID: "ID", Secret: "SECRET"}).Render(store.NewCredential("AKIA1", "")); err == nil {
		t.Error("half a credential was rendered")
	}
	smtp := variables(t, store.Names{SMTPUser: "USER", SMTPPassword: "PASSWORD", SMTPRegion: "eu-west-1"})
	if smtp.Readable() {
		t.Error("an SMTP password claims to give the secret back")
	}
}
