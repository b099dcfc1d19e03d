package store_test

import (
	"testing"

	"github.com/keyrotator/keyrotator/store"
)

const keysOfFirst = "aws_access_key_id = AKIAFIRST\naws_secret_access_key = first/secret+1=\n"

func TestAWSCredentialsFileKeepsEverythingElse(t *testing.T) {
	p, err := store.NewAWSFile(store.AWSFile{Profile: "ci"})
	checkRenders(t, must(t, p, err), []render{
		{"an empty file gets the profile", "", "[ci]\n" + keysOfFirst},
		{"a profile is appended behind the others", "# top\n[default]\naws_access_key_id=X\n", "# top\n[default]\naws_access_key_id=X\n\n[ci]\n" + keysOfFirst},
		{"a missing final newline is added first", "[default]\nregion=x", "[default]\nregion=x\n\n[ci]\n" + keysOfFirst},
		{"values are replaced where they lie",
			"; c\n[default]\naws_access_key_id = D\n\n[ci] # ours\nregion = eu-west-1\nAWS_SECRET_ACCESS_KEY=old ; why\n# mid\naws_access_key_id   =   OLD\n\n[z]\naws_secret_access_key = z\n",
			"; c\n[default]\naws_access_key_id = D\n\n[ci] # ours\nregion = eu-west-1\nAWS_SECRET_ACCESS_KEY=first/secret+1= ; why\n# mid\naws_access_key_id   =   AKIAFIRST\n\n[z]\naws_secret_access_key = z\n"},
		{"an empty profile is filled below its header", "[ci]\nregion = x\n[z]\n", "[ci]\n" + keysOfFirst + "region = x\n[z]\n"},
		{"a missing secret follows its key id", "[ci]\naws_access_key_id = X\nregion = x\n", "[ci]\n" + keysOfFirst + "region = x\n"},
		{"a header without a newline", "[ci]", "[ci]\n" + keysOfFirst},
		{"session tokens go", "[ci]\naws_session_token = t\naws_access_key_id = X\naws_secret_access_key = y\naws_security_token = u\n[z]\naws_session_token = keep\n", "[ci]\n" + keysOfFirst + "[z]\naws_session_token = keep\n"},
		{"windows line ends stay", "[ci]\r\naws_access_key_id = X\r\naws_secret_access_key = y\r\n", "[ci]\r\naws_access_key_id = AKIAFIRST\r\naws_secret_access_key = first/secret+1=\r\n"},
		{"a byte order mark stays", "\xef\xbb\xbf[ci]\naws_access_key_id=X\naws_secret_access_key=y", "\xef\xbb\xbf[ci]\naws_access_key_id=AKIAFIRST\naws_secret_access_key=first/secret+1="},
		{"an empty value", "[ci]\naws_access_key_id =\naws_secret_access_key = # none\n", "[ci]\naws_access_key_id = AKIAFIRST\naws_secret_access_key = first/secret+1= # none\n"},
		{"nested settings are not ours", "[ci]\ns3 =\n  max_concurrent_requests = 20\n" + keysOfFirst, "[ci]\ns3 =\n  max_concurrent_requests = 20\n" + keysOfFirst},
		{"bytes that are no UTF-8 stay", "# caf\xe9\n[ci]\n" + keysOfFirst, "# caf\xe9\n[ci]\n" + keysOfFirst},
		{"the config file's header is another profile here", "[profile ci]\nregion=x\n", "[profile ci]\nregion=x\n\n[ci]\n" + keysOfFirst},
	})
}

func TestAWSConfigFileHasItsOwnHeaders(t *testing.T) {
	p, err := store.NewAWSFile(store.AWSFile{Profile: "ci", Config: true})
	checkRenders(t, must(t, p, err), []render{
		{"a profile is appended", "[default]\nregion=x\n", "[default]\nregion=x\n\n[profile ci]\n" + keysOfFirst},
		{"a profile is found by its quoted name", "[profile \"ci\"]\n" + "aws_access_key_id = A\naws_secret_access_key = b\n", "[profile \"ci\"]\n" + keysOfFirst},
		{"a bare section of that name is none", "[ci]\nx=y\n", "[ci]\nx=y\n\n[profile ci]\n" + keysOfFirst},
	})
	d, err := store.NewAWSFile(store.AWSFile{Config: true})
	checkRenders(t, must(t, d, err), []render{
		{"the default profile has no prefix", "", "[default]\n" + keysOfFirst},
		{"the default profile may have one", "[profile default]\nx=y\n", "[profile default]\n" + keysOfFirst + "x=y\n"},
	})
	checkRefusals(t, d, map[string]string{"both forms of the default profile": "[default]\n[profile default]\n"})
}

func TestAWSFileRefusesWhatReadersDisagreeAbout(t *testing.T) {
	p, err := store.NewAWSFile(store.AWSFile{Profile: "ci"})
	checkRefusals(t, must(t, p, err), map[string]string{
		"a profile twice":            "[ci]\n[x]\n[ci]\naws_access_key_id = CANARY\n",
		"a setting twice":            "[ci]\naws_access_key_id = CANARY\nAWS_ACCESS_KEY_ID = b\n",
		"an indented setting":        "[ci]\n  aws_access_key_id = CANARY\n",
		"a colon as separator":       "[ci]\naws_access_key_id: CANARY\n",
		"a value that goes on":       "[ci]\naws_secret_access_key =\n  CANARY\n",
		"a token that goes on":       "[ci]\naws_session_token = x\n\n\tCANARY\n",
		"an indented section":        "[x]\n [ci]\naws_access_key_id = CANARY\n",
		"an indented next section":   "[ci]\nregion = x\n [y]\naws_access_key_id = CANARY\n",
		"white space in a section":   "[ ci ]\naws_access_key_id = CANARY\n",
		"a bracket behind a section": "[ci] # [x]\naws_access_key_id = CANARY\n",
		"a section without end":      "[ci\naws_access_key_id = CANARY\n",
		"a binary file":              "[ci]\x00CANARY",
		"a lone carriage return":     "# c\r[ci]\n",
	})
	checkUnreadable(t, p, map[string]string{
		"a secret without a key id": "[ci]\naws_secret_access_key = CANARY\n",
		"temporary credentials":     "[ci]\n" + keysOfFirst + "aws_session_token = CANARY\n",
	})
}
