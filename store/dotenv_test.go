package store_test

import (
	"testing"

	"github.com/keyrotator/keyrotator/store"
)

func TestDotenvKeepsEverythingElse(t *testing.T) {
	p, err := store.Dotenv(store.Names{KeyID: "ID", Secret: "SECRET"})
	checkRenders(t, must(t, p, err), []render{
		{"an empty file gets two lines", "", "ID=AKIAFIRST\nSECRET=first/secret+1=\n"},
		{"other lines, comments and order stay", "# SECRET=no\nA=1\nSECRET=x # why\n\n;odd\nID=y\nB=2\n", "# SECRET=no\nA=1\nSECRET=first/secret+1= # why\n\n;odd\nID=AKIAFIRST\nB=2\n"},
		{"quotes stay", "ID='a'\nSECRET=\"b c\"  # c\n", "ID='AKIAFIRST'\nSECRET=\"first/secret+1=\"  # c\n"},
		{"an export is kept and copied", "  export  ID=a\n", "  export  ID=AKIAFIRST\nexport SECRET=first/secret+1=\n"},
		{"a missing final newline is added only to append", "A=1", "A=1\nID=AKIAFIRST\nSECRET=first/secret+1=\n"},
		{"a missing final newline is kept", "ID=\nSECRET=", "ID=AKIAFIRST\nSECRET=first/secret+1="},
		{"windows line ends stay", "A=1\r\nID=x\r\n", "A=1\r\nID=AKIAFIRST\r\nSECRET=first/secret+1=\r\n"},
		{"a byte order mark stays", "\xef\xbb\xbfID=x\nSECRET=y\n", "\xef\xbb\xbfID=AKIAFIRST\nSECRET=first/secret+1=\n"},
		{"an empty value before a comment", "ID=  # none yet\nSECRET=\n", "ID=AKIAFIRST  # none yet\nSECRET=first/secret+1=\n"},
		{"lines inside another variable's quotes are not ours", "K=\"\nID=no\n\\\"SECRET=no\n\"\nID=a\nSECRET=b\n", "K=\"\nID=no\n\\\"SECRET=no\n\"\nID=AKIAFIRST\nSECRET=first/secret+1=\n"},
		{"names are whole names", "MY_ID=1\nID2=2\n", "MY_ID=1\nID2=2\nID=AKIAFIRST\nSECRET=first/secret+1=\n"},
	})
}

func TestDotenvRefusesWhatReadersDisagreeAbout(t *testing.T) {
	p, err := store.Dotenv(store.Names{KeyID: "ID", Secret: "SECRET"})
	checkRefusals(t, must(t, p, err), map[string]string{
		"a variable twice":               "ID=a\nSECRET=CANARY\nID=b\n",
		"a quote without end":            "A='CANARY\nID=a\nSECRET=b\n",
		"a line continued into ours":     "A=CANARY \\\nID=a\nSECRET=b\n",
		"a value that goes on":           "ID=a\\\nSECRET=CANARY\n",
		"a value of ours over two lines": "ID=a\nSECRET=\"CANARY\n\"\n",
		"a binary file":                  "ID=a\x00\nSECRET=CANARY\n",
		"a lone carriage return":         "A=CANARY\rID=a\n",
	})
	checkUnreadable(t, p, map[string]string{
		"half a credential":      "ID=\nSECRET=CANARY\n",
		"an expansion":           "ID=$CANARY\nSECRET=b\n",
		"an expansion in quotes": "ID=\"${CANARY}\"\nSECRET=b\n",
		"pieces glued together":  "ID='a'CANARY\nSECRET=b\n",
		"a value with a space":   "ID=a CANARY\nSECRET=b\n",
	})
}

func TestDotenvQuotesWhatAShellWouldEat(t *testing.T) {
	p, err := store.Dotenv(store.Names{KeyID: "ID", Secret: "SECRET"})
	got, err := store.Merge(must(t, p, err), []byte("SECRET=\"x\"\n"), store.NewCredential("A#B", "a$b`c"))
	if want := "SECRET='a$b`c'\nID='A#B'\n"; string(got) != want || err != nil {
		t.Errorf("merge made %q, %v, want %q", got, err, want)
	}
	for _, secret := range []string{"a'b", "a\nb", "a b", "ä"} {
		if got, err := store.Merge(p, nil, store.NewCredential("A", secret)); err == nil {
			t.Errorf("merge accepts %q as %q", secret, got)
		}
	}
}
