// Package consumer is how those who use a credential behave, for tests of the
// real program: they read it from where it is kept, and sign in with it. It
// shares no code with the program.
package consumer

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// Region is where consumers sign in and where their secrets are.
const Region = "us-east-1"

// url is where consumers sign in; an in-process transport takes it anywhere.
const url = "https://sts." + Region + ".amazonaws.com/"

// Agent tells the sign-ins of consumers from those of the program.
const Agent = "consumer/1"

// Errors of SignIn that tell what AWS made of the key. Any other error is AWS's
// own or the network's.
var (
	// ErrKeyRefused says that AWS blames the key: the one failure that no
	// consumer may ever see.
	ErrKeyRefused = errors.New("the key was refused")
	// ErrClock says that AWS's clock and the signature's are too far apart.
	ErrClock = errors.New("the signature is of another time")
)

// SignIn asks STS who a key is, without any SDK around it: one request signed as
// of now, no retry.
func SignIn(ctx context.Context, wire http.RoundTripper, c aws.Credentials, now time.Time) error {
	const body = "Action=GetCallerIdentity&Version=2011-06-15"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("User-Agent", Agent)
	hash := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(ctx, c, r, hex.EncodeToString(hash[:]), "sts", Region, now); err != nil {
		return err
	}
	answer, err := wire.RoundTrip(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return err
	case answer.StatusCode == http.StatusOK:
		return nil
	case answer.StatusCode != http.StatusForbidden, bytes.Contains(text, []byte("<Code>AccessDenied<")):
		return fmt.Errorf("HTTP %d", answer.StatusCode)
	case bytes.Contains(text, []byte("Signature expired")), bytes.Contains(text, []byte("Signature not yet current")):
		return ErrClock
	default:
		return fmt.Errorf("%w: %s", ErrKeyRefused, text)
	}
}

// Place is where a consumer reads its credential.
type Place struct {
	Name string
	Read func() (aws.Credentials, error)
}

// Keys are a credential that somebody read elsewhere.
func Keys(id, secret string) aws.Credentials {
	return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}
}

// Secret is a secret of an embedded AWS, read with a role of its own, which no
// fault concerns.
func Secret(emu *awsemu.Server, account, name string) Place {
	return Place{"the secret", func() (aws.Credentials, error) {
		text, _, err := emu.Secret(account, Region, name, "")
		if err != nil {
			return aws.Credentials{}, err
		}
		var value struct {
			ID     string `json:"AWS_ACCESS_KEY_ID"`     //nolint:tagliatelle // the names that the AWS SDKs read
			Secret string `json:"AWS_SECRET_ACCESS_KEY"` //nolint:tagliatelle // the names that the AWS SDKs read
		}
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			return aws.Credentials{}, err
		}
		return aws.Credentials{AccessKeyID: value.ID, SecretAccessKey: value.Secret}, nil
	}}
}

// File is the one profile of an AWS credentials file.
func File(path string) Place {
	return Place{"the file", func() (aws.Credentials, error) {
		text, err := os.ReadFile(path)
		if err != nil {
			return aws.Credentials{}, err
		}
		var c aws.Credentials
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), "=")
			switch strings.TrimSpace(name) {
			case "aws_access_key_id":
				c.AccessKeyID = strings.TrimSpace(value)
			case "aws_secret_access_key":
				c.SecretAccessKey = strings.TrimSpace(value)
			}
		}
		return c, nil
	}}
}

// WriteFile makes an AWS credentials file, as a person would.
func WriteFile(path, id, secret string) error {
	return os.WriteFile(path, fmt.Appendf(nil, "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", id, secret), 0o600)
}

// SecretValue is what a person would put into a secret.
func SecretValue(id, secret string) string {
	return fmt.Sprintf(`{"AWS_ACCESS_KEY_ID":%q,"AWS_SECRET_ACCESS_KEY":%q}`, id, secret)
}
