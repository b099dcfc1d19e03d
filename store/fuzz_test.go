package store_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
)

// checkRoundTrip holds any document against what every payload promises: what
// was put in reads back, putting it in again changes nothing, and going from
// one credential to another and back restores every byte.
func checkRoundTrip(t *testing.T, p store.Payload, doc []byte) (rendered []byte, ok bool) {
	t.Helper()
	one, err := store.Merge(p, doc, first)
	if err != nil {
		if !errors.Is(err, store.ErrShape) {
			t.Fatalf("merge into %q: %v, want ErrShape", doc, err)
		}
		return nil, false
	}
	again, err := store.Merge(p, one, first)
	if err != nil || !bytes.Equal(one, again) {
		t.Fatalf("merging twice into %q: %q, then %q, %v", doc, one, again, err)
	}
	two, err := store.Merge(p, one, second)
	if err != nil {
		t.Fatalf("merge second into %q: %v", one, err)
	}
	back, err := store.Merge(p, two, first)
	if err != nil || !bytes.Equal(one, back) {
		t.Fatalf("there and back again from %q: %q, %v", one, back, err)
	}
	c, err := p.(store.ReadablePayload).Parse(one)
	if err != nil || !c.Equal(first) {
		t.Fatalf("parse of %q: %v, %v", one, c, err)
	}
	return one, true
}

// foreignLines returns the lines that mention none of the names, which a
// payload may not touch.
func foreignLines(doc []byte, names ...string) []string {
	var lines []string
	for l := range strings.SplitSeq(strings.TrimPrefix(string(doc), "\xef\xbb\xbf"), "\n") {
		l = strings.TrimSuffix(l, "\r")
		foreign := strings.TrimSpace(l) != ""
		for _, name := range names {
			foreign = foreign && !strings.Contains(strings.ToLower(l), strings.ToLower(name))
		}
		if foreign {
			lines = append(lines, l)
		}
	}
	return lines
}

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"id":"a","secret":"b"}`, "\xef\xbb\xbf{\r\n \"a\" : 1e9 ,\r\n\"id\":null}", `{"\u0069d":"\ud83d"}`, `{"a":{"id":[1,{}]}} `} {
		f.Add([]byte(seed))
	}
	p, err := store.JSON(store.Names{KeyID: "id", Secret: "secret"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		one, ok := checkRoundTrip(t, p, doc)
		if !ok || len(bytes.TrimSpace(bytes.TrimPrefix(doc, []byte("\xef\xbb\xbf")))) == 0 {
			return
		}
		var before, after map[string]json.RawMessage
		if json.Unmarshal(bytes.TrimPrefix(doc, []byte("\xef\xbb\xbf")), &before) != nil || json.Unmarshal(bytes.TrimPrefix(one, []byte("\xef\xbb\xbf")), &after) != nil {
			t.Fatalf("no JSON object: %q became %q", doc, one)
		}
		for name, value := range before {
			if name != "id" && name != "secret" && !bytes.Equal(value, after[name]) {
				t.Fatalf("field %q of %q became %q", name, doc, after[name])
			}
		}
	})
}

func FuzzDotenv(f *testing.F) {
	for _, seed := range []string{"", "ID=a\nSECRET=b", "export ID='a' # c\r\nX=\"\nID=1\n\"\r\n", "ID= \\\n", "A=`\nSECRET=$(x)", "ID=\"a\\\"b\"\n", "\xef\xbb\xbfSECRET=#x\n"} {
		f.Add([]byte(seed))
	}
	p, err := store.Dotenv(store.Names{KeyID: "ID", Secret: "SECRET"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		one, ok := checkRoundTrip(t, p, doc)
		if ok {
			compareLines(t, foreignLines(doc, "ID", "SECRET"), foreignLines(one, "ID", "SECRET"))
		}
	})
}

func FuzzAWSFile(f *testing.F) {
	for _, seed := range []string{"", "[ci]\n" + keysOfFirst, "[default]\r\naws_access_key_id=x ; c\r\n[ci]", "[ci]\ns3 =\n aws_access_key_id = x\n", "[ci]\naws_session_token=\n\n[ci]\n", "\xef\xbb\xbf[ci] # x\n# y\naws_secret_access_key = # z"} {
		f.Add([]byte(seed))
	}
	p, err := store.NewAWSFile(store.AWSFile{Profile: "ci"})
	if err != nil {
		f.Fatal(err)
	}
	names := []string{"[ci]", "aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_security_token"}
	f.Fuzz(func(t *testing.T, doc []byte) {
		one, ok := checkRoundTrip(t, p, doc)
		if ok {
			compareLines(t, foreignLines(doc, names...), foreignLines(one, names...))
		}
	})
}

func compareLines(t *testing.T, before, after []string) {
	t.Helper()
	if strings.Join(before, "\n") != strings.Join(after, "\n") {
		t.Fatalf("other lines changed from %q to %q", before, after)
	}
}
