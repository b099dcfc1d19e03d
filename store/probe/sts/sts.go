// Package sts probes a credential by signing in with it: GetCallerIdentity in
// each of the Regions that the consumer uses. Every credential may call it,
// whatever its policies (STS API reference, GetCallerIdentity).
package sts

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/keyrotator/keyrotator/store"
)

// Kind is how the configuration spells this kind of probe.
const Kind = "sts"

// Options says what New needs to know.
type Options struct {
	// Regions has a configuration for each Region to sign in to; the
	// credentials in them are not used.
	Regions []aws.Config
	// Account is the twelve digits that the credential has to belong to; empty
	// means unchecked.
	Account string
	// User is the IAM user's name that it has to belong to.
	User string
}

// Probe signs in. It is safe for concurrent use.
type Probe struct{ options Options }

// New makes a probe; it calls nobody.
func New(o Options) (*Probe, error) {
	if len(o.Regions) == 0 || o.User == "" {
		return nil, errors.New("make sts probe: Regions and user are required")
	}
	return &Probe{o}, nil
}

// Describe names the Regions.
func (p *Probe) Describe() string {
	var regions []string
	for _, cfg := range p.options.Regions {
		regions = append(regions, cfg.Region)
	}
	return Kind + ":" + strings.Join(regions, ",")
}

// Probe signs in to every Region with the credential, and to none with
// anything else.
func (p *Probe) Probe(ctx context.Context, c store.Credential) error {
	if c.KeyID() == "" || c.RevealSecret() == "" {
		return errors.New("sign in: the credential is incomplete")
	}
	for _, cfg := range p.options.Regions {
		// A client of its own for each probe: one remembers what it derived from
		// a secret under the key's id, and would sign with the former secret if
		// that of a later credential were another.
		client := sts.NewFromConfig(cfg, func(o *sts.Options) {
			o.Credentials = credentials.NewStaticCredentialsProvider(c.KeyID(), c.RevealSecret(), "")
		})
		out, err := client.GetCallerIdentity(ctx, nil)
		if err == nil {
			err = p.whose(aws.ToString(out.Arn), aws.ToString(out.Account))
		} else {
			err = told(ctx, err)
		}
		if err != nil {
			return fmt.Errorf("sign in to STS in %s with key %s: %w", cfg.Region, c.KeyID(), err)
		}
	}
	return nil
}

// whose refuses the identity of anybody else.
func (p *Probe) whose(arn, account string) error {
	_, path, _ := strings.Cut(arn, ":user/")
	name := path[strings.LastIndex(path, "/")+1:]
	if name != p.options.User || p.options.Account != "" && account != p.options.Account {
		return fmt.Errorf("it belongs to %q, not to user %s of account %s", arn, p.options.User, p.options.Account)
	}
	return nil
}

// told is an error of the SDK as its code alone: messages about signatures quote
// what was signed.
func told(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	api, ok := errors.AsType[smithy.APIError](err)
	switch {
	case !ok:
		return errors.New("no answer that can be read")
	case api.ErrorCode() == "Throttling", api.ErrorCode() == "ThrottlingException", api.ErrorCode() == "RequestLimitExceeded":
		return fmt.Errorf("%w: %s", store.ErrThrottled, api.ErrorCode())
	default:
		return fmt.Errorf("refused: %s", api.ErrorCode())
	}
}
