package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
)

func TestJSONKeepsEverythingElse(t *testing.T) {
	p, err := store.JSON(store.Names{KeyID: "id", Secret: "secret"})
	checkRenders(t, must(t, p, err), []render{
		{"an empty document becomes an object", "", `{"id": "AKIAFIRST", "secret": "first/secret+1="}` + "\n"},
		{"an empty object is filled", `{}`, `{"id": "AKIAFIRST", "secret": "first/secret+1="}`},
		{"values are replaced where they lie", `{"secret":"x","n":1.10,"id":"y"}`, `{"secret":"first/secret+1=","n":1.10,"id":"AKIAFIRST"}`},
		{"numbers keep every digit", `{"n": 12345678901234567890.1000, "e": 1e400}`, `{"n": 12345678901234567890.1000, "e": 1e400, "id": "AKIAFIRST", "secret": "first/secret+1="}`},
		{"compact stays compact", `{"a":1}`, `{"a":1,"id":"AKIAFIRST","secret":"first/secret+1="}`},
		{"indentation is copied", "{\n\t\"a\" : {\"id\": 1}\n}\n", "{\n\t\"a\" : {\"id\": 1},\n\t\"id\" : \"AKIAFIRST\",\n\t\"secret\" : \"first/secret+1=\"\n}\n"},
		{"windows line ends are copied", "{\r\n  \"a\": []\r\n}\r\n", "{\r\n  \"a\": [],\r\n  \"id\": \"AKIAFIRST\",\r\n  \"secret\": \"first/secret+1=\"\r\n}\r\n"},
		{"a byte order mark stays", "\xef\xbb\xbf{\"id\":null}", "\xef\xbb\xbf{\"id\":\"AKIAFIRST\",\"secret\":\"first/secret+1=\"}"},
		{"a name may be written with escapes", `{"i\u0064":"x","secret":""}`, `{"i\u0064":"AKIAFIRST","secret":"first/secret+1="}`},
		{"fields of the same name further in are not ours", `{"a":{"id":"x","id":"y"},"b":[{"secret":1}]}`, `{"a":{"id":"x","id":"y"},"b":[{"secret":1}],"id":"AKIAFIRST","secret":"first/secret+1="}`},
		{"names differ by case", `{"ID":"x"}`, `{"ID":"x","id":"AKIAFIRST","secret":"first/secret+1="}`},
		{"commas and braces in strings mislead nobody", `{"},\"{":"},{" , "x":"y"}`, `{"},\"{":"},{" , "x":"y", "id":"AKIAFIRST", "secret":"first/secret+1="}`},
	})
}

func TestJSONRefusesWhatItCannotEditSafely(t *testing.T) {
	p, err := store.JSON(store.Names{KeyID: "id", Secret: "secret"})
	checkRefusals(t, must(t, p, err), map[string]string{
		"an array":                `["CANARY"]`,
		"a bare string":           `"CANARY"`,
		"plain text":              `CANARY`,
		"a field twice":           `{"a":1,"id":"x","secret":"CANARY","a":2}`,
		"a field twice, escaped":  `{"id":"CANARY","secret":"x","\u0069d":"y"}`,
		"two documents":           `{"id":"x","secret":"CANARY"} {}`,
		"a comma too many":        `{"id":"x","secret":"CANARY",}`,
		"a comment":               `{"id":"x","secret":"CANARY"} // x`,
		"bytes that are no UTF-8": "{\"\xff\":1,\"id\":\"x\",\"secret\":\"CANARY\"}",
		"endless nesting":         strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000),
		"a huge document":         `{"a":"` + strings.Repeat("x", store.MaxDocument) + `"}`,
	})
	checkUnreadable(t, p, map[string]string{
		"a number as a secret":  `{"id":"x","secret":7}`,
		"an object as a key id": `{"id":{"x":"CANARY"},"secret":"x"}`,
		"half a credential":     `{"secret":"CANARY"}`,
	})
}

func TestJSONIsEmptyWithoutItsFields(t *testing.T) {
	p, err := store.JSON(store.Names{})
	for _, doc := range []string{"", " \n", "{}", `{"x":1}`, `{"access_key_id":null}`, `{"access_key_id":"","secret_access_key":""}`} {
		if _, err := must(t, p, err).(store.ReadablePayload).Parse([]byte(doc)); !errors.Is(err, store.ErrEmpty) {
			t.Errorf("parse of %q: %v, want ErrEmpty", doc, err)
		}
		if trace, err := p.Trace([]byte(doc)); trace != "" || err != nil {
			t.Errorf("trace of %q = %q, %v", doc, trace, err)
		}
	}
}

func TestJSONWritesPlainCharactersPlainly(t *testing.T) {
	p, err := store.JSON(store.Names{KeyID: "id", Secret: "secret"})
	got, err := store.Merge(must(t, p, err), []byte("{}"), store.NewCredential("A<B>", "c&d/é\"\n"))
	if want := `{"id": "A<B>", "secret": "c&d/é\"\n"}`; string(got) != want || err != nil {
		t.Errorf("merge made %q, %v, want %q", got, err, want)
	}
}
