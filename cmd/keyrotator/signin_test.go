package main

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

// stsURL is where consumers sign in; an in-process transport takes it anywhere.
const stsURL = "https://sts.us-east-1.amazonaws.com/"

// consumerAgent tells the sign-ins of consumers from those of the daemon.
const consumerAgent = "consumer/1"

// errKeyRefused says that AWS blames the key: the one failure that no consumer
// may ever see. Any other error is AWS's or the network's.
var errKeyRefused = errors.New("the key was refused")

// signIn asks STS who a key is, without any SDK around it: one signed request,
// no retry.
func signIn(ctx context.Context, wire http.RoundTripper, endpoint string, c aws.Credentials) error {
	const body = "Action=GetCallerIdentity&Version=2011-06-15"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("User-Agent", consumerAgent)
	hash := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(ctx, c, r, hex.EncodeToString(hash[:]), "sts", "us-east-1", time.Now()); err != nil {
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
	case answer.StatusCode == http.StatusForbidden && !bytes.Contains(text, []byte("<Code>AccessDenied<")):
		return fmt.Errorf("%w: %s", errKeyRefused, text)
	default:
		return fmt.Errorf("HTTP %d", answer.StatusCode)
	}
}

// place is where a consumer reads its credential.
type place func() (aws.Credentials, error)

// secretPlace reads a secret with a role of its own, which no fault concerns.
func secretPlace(emu *awsemu.Server, name string) place {
	return func() (aws.Credentials, error) {
		text, _, err := emu.Secret(testAccount, "us-east-1", name, "")
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
	}
}

// filePlace reads the one profile of an AWS credentials file.
func filePlace(path string) place {
	return func() (aws.Credentials, error) {
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
	}
}

// writeCredentials makes an AWS credentials file, as a person would.
func writeCredentials(path, id, secret string) error {
	return os.WriteFile(path, fmt.Appendf(nil, "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", id, secret), 0o600)
}

// secretValue is what a person would put into a secret.
func secretValue(id, secret string) string {
	return fmt.Sprintf(`{"AWS_ACCESS_KEY_ID":%q,"AWS_SECRET_ACCESS_KEY":%q}`, id, secret)
}
