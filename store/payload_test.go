package store_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
)

var (
	first  = store.NewCredential("AKIAFIRST", "first/secret+1=")
	second = store.NewCredential("AKIASECOND", "second/secret+2=")
)

// render is one document before and after a credential is put into it.
type render struct{ name, before, after string }

func checkRenders(t *testing.T, p store.Payload, cases []render) {
	t.Helper()
	for _, x := range cases {
		t.Run(x.name, func(t *testing.T) {
			got, err := store.Merge(p, []byte(x.before), first)
			if err != nil {
				t.Fatalf("merge: %v", err)
			}
			if string(got) != x.after {
				t.Errorf("merge made\n%q\nwant\n%q", got, x.after)
			}
			again, err := store.Merge(p, got, first)
			if err != nil || !bytes.Equal(again, got) {
				t.Errorf("merging the same once more changed the document to %q, %v", again, err)
			}
			if trace, err := p.Trace(got); err != nil || trace != first.KeyID() {
				t.Errorf("trace = %q, %v", trace, err)
			}
		})
	}
}

// checkRefusals expects that documents are neither edited nor read.
func checkRefusals(t *testing.T, p store.Payload, cases map[string]string) {
	t.Helper()
	for name, doc := range cases {
		t.Run(name, func(t *testing.T) {
			doc = strings.ReplaceAll(doc, "CANARY", canary)
			_, err := store.Merge(p, []byte(doc), first)
			checkShapeError(t, "merge", err)
			_, err = p.Trace([]byte(doc))
			checkShapeError(t, "trace", err)
		})
	}
	checkUnreadable(t, p, cases)
}

// checkUnreadable expects that documents are not read, though they may be
// edited.
func checkUnreadable(t *testing.T, p store.Payload, cases map[string]string) {
	t.Helper()
	for name, doc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := p.(store.ReadablePayload).Parse([]byte(strings.ReplaceAll(doc, "CANARY", canary)))
			checkShapeError(t, "parse", err)
		})
	}
}

func checkShapeError(t *testing.T, doing string, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrShape) {
		t.Fatalf("%s: %v, want ErrShape", doing, err)
	}
	if strings.Contains(err.Error(), canary[:8]) {
		t.Errorf("%s: the error shows content of the document", doing)
	}
}

// must unwraps a payload whose options are known to be good.
func must(t *testing.T, p store.Payload, err error) store.Payload {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPayloadsThatLackTheRawSecretCannotBeRead(t *testing.T) {
	smtp := store.Names{SMTPUser: "SMTP_USER", SMTPPassword: "SMTP_PASSWORD", SMTPRegion: "eu-central-1"}
	jsonSMTP, err := store.JSON(smtp)
	asJSON := must(t, jsonSMTP, err)
	dotenvSMTP, err := store.Dotenv(smtp)
	asDotenv := must(t, dotenvSMTP, err)
	tmpl, err := store.Template("{{.KeyID}}")
	for name, p := range map[string]store.Payload{"json": asJSON, "dotenv": asDotenv, "template": must(t, tmpl, err)} {
		if _, ok := p.(store.ReadablePayload); ok {
			t.Errorf("%s claims to be readable", name)
		}
	}
	c := store.NewCredential("AKIAX", "some+secret+key")
	for want, p := range map[string]store.Payload{
		`{"SMTP_USER": "AKIAX", "SMTP_PASSWORD": "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2"}` + "\n": asJSON,
		"SMTP_USER=AKIAX\nSMTP_PASSWORD=BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2\n":                  asDotenv,
	} {
		got, err := store.Merge(p, nil, c)
		if err != nil || string(got) != want {
			t.Errorf("merge made %q, %v, want %q", got, err, want)
		}
		if trace, err := p.Trace(got); trace != "AKIAX" || err != nil {
			t.Errorf("trace = %q, %v", trace, err)
		}
	}
}

func TestNamesThatMakeNoSenseAreRefused(t *testing.T) {
	for name, n := range map[string]store.Names{
		"a key id alone":                {KeyID: "id"},
		"two parts of one name":         {KeyID: "x", Secret: "x"},
		"a password without its Region": {SMTPPassword: "p"},
		"a Region without a password":   {KeyID: "id", Secret: "s", SMTPRegion: "eu-west-1"},
	} {
		if _, err := store.JSON(n); err == nil {
			t.Errorf("JSON accepts %s", name)
		}
		if _, err := store.Dotenv(n); err == nil {
			t.Errorf("Dotenv accepts %s", name)
		}
	}
	if _, err := store.Dotenv(store.Names{KeyID: "a b", Secret: "c"}); err == nil {
		t.Error("Dotenv accepts a variable name with a space")
	}
	for _, profile := range []string{" x", "a]b", "a\nb", "a#b"} {
		if _, err := store.NewAWSFile(store.AWSFile{Profile: profile}); err == nil {
			t.Errorf("NewAWSFile accepts %q", profile)
		}
	}
}

func TestHalfACredentialIsNeverWritten(t *testing.T) {
	p, err := store.Template("{{.KeyID}} {{.Secret}}")
	for _, c := range []store.Credential{{}, store.NewCredential("AKIAX", ""), store.NewCredential("", "s")} {
		if out, err := store.Merge(must(t, p, err), nil, c); err == nil {
			t.Errorf("merge of %v made %q", c, out)
		}
	}
}

// liar renders something else than it was given.
type liar struct{ store.ReadablePayload }

func (l liar) Render(doc []byte, c store.Credential) ([]byte, error) {
	return l.ReadablePayload.Render(doc, store.NewCredential(c.KeyID(), "something else"))
}

func TestWhatDoesNotReadBackIsNeverWritten(t *testing.T) {
	p, err := store.JSON(store.Names{})
	if out, err := store.Merge(liar{must(t, p, err).(store.ReadablePayload)}, nil, first); !errors.Is(err, store.ErrShape) {
		t.Errorf("merge made %q, %v, want ErrShape", out, err)
	}
}

func TestATemplateRendersTheWholeDocument(t *testing.T) {
	p, err := store.Template(`[{{json .KeyID}}, {{base64 .Secret}}, {{.SMTPPassword "eu-central-1"}}]`)
	got, err := store.Merge(must(t, p, err), []byte("anything"), store.NewCredential(`A"K`, "some+secret+key"))
	want := `["A\"K", c29tZStzZWNyZXQra2V5, BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2]`
	if err != nil || string(got) != want {
		t.Errorf("merge made %q, %v, want %q", got, err, want)
	}
	if trace, _ := p.Trace(got); !strings.HasPrefix(trace, "sha256:") {
		t.Errorf("trace = %q", trace)
	}
	if trace, _ := p.Trace([]byte(" \n")); trace != "" {
		t.Errorf("trace of an empty document = %q", trace)
	}
}

func TestABadTemplateIsRefusedAtOnce(t *testing.T) {
	for name, text := range map[string]string{
		"a syntax error":       "{{",
		"an unknown field":     "{{.Password}}",
		"an unknown function":  "{{env .KeyID}}",
		"output without bound": "{{range 2000000}}x{{end}}",
	} {
		if _, err := store.Template(text); err == nil {
			t.Errorf("Template accepts %s", name)
		}
	}
}

func TestATemplateThatFailsForOneCredentialDoesNotShowIt(t *testing.T) {
	p, err := store.Template(`{{if gt (len .Secret) 30}}{{slice .Secret 100}}{{end}}`)
	_, err = store.Merge(must(t, p, err), nil, store.NewCredential("AKIAX", canary))
	if err == nil || strings.Contains(err.Error(), canary[:8]) {
		t.Errorf("error = %v", err)
	}
}
