package iamkeys

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
)

// Identify reads the user itself.
func (k *Keyring) Identify(ctx context.Context, user rotator.User) (rotator.Identity, error) {
	what := fmt.Sprintf("identify %s", user)
	if err := k.mine(user); err != nil {
		return rotator.Identity{}, fmt.Errorf("%s: %w", what, err)
	}
	var x exchange
	out, err := k.iam.GetUser(ctx, &iam.GetUserInput{UserName: aws.String(user.Name)}, x.read)
	if err != nil {
		return rotator.Identity{}, x.fail(what, err)
	}
	if out.User == nil || aws.ToString(out.User.UserName) != user.Name {
		return rotator.Identity{}, fmt.Errorf("%s: the answer is about another user: %w", what, rotator.ErrAmbiguous)
	}
	who := rotator.Identity{ARN: aws.ToString(out.User.Arn), UserID: aws.ToString(out.User.UserId), Date: x.date}
	if who.ARN == "" || who.UserID == "" {
		return rotator.Identity{}, fmt.Errorf("%s: the answer tells no ARN and id: %w", what, rotator.ErrAmbiguous)
	}
	return who, nil
}

// LastUse reads when the key was used last. IAM tells a key that was never
// used by a missing date and "N/A" as service and Region. An error, also for a
// key that turns out to be another user's, is unknown and never unused.
func (k *Keyring) LastUse(ctx context.Context, user rotator.User, key rotator.KeyID) (rotator.LastUse, error) {
	what := fmt.Sprintf("read the last use of key %s of %s", key, user)
	if err := k.mine(user); err != nil {
		return rotator.LastUse{}, fmt.Errorf("%s: %w", what, err)
	}
	if key == "" {
		return rotator.LastUse{}, fmt.Errorf("%s: it names no key: %w", what, rotator.ErrRefused)
	}
	var x exchange
	out, err := k.iam.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String(string(key))}, x.read)
	if err != nil {
		return rotator.LastUse{}, x.fail(what, err)
	}
	if got := aws.ToString(out.UserName); got != user.Name {
		return rotator.LastUse{}, fmt.Errorf("%s: AWS says it belongs to user %q: %w", what, got, rotator.ErrAmbiguous)
	}
	if out.AccessKeyLastUsed == nil {
		return rotator.LastUse{}, fmt.Errorf("%s: the answer tells no use: %w", what, rotator.ErrAmbiguous)
	}
	use := rotator.LastUse{
		Known:   true,
		At:      aws.ToTime(out.AccessKeyLastUsed.LastUsedDate),
		Service: applicable(out.AccessKeyLastUsed.ServiceName),
		Region:  applicable(out.AccessKeyLastUsed.Region),
	}
	if use.At.IsZero() && use.Service != "" {
		return rotator.LastUse{}, fmt.Errorf("%s: AWS names service %q and no date: %w", what, use.Service, rotator.ErrAmbiguous)
	}
	return use, nil
}

func applicable(s *string) string {
	if text := aws.ToString(s); text != "N/A" {
		return text
	}
	return ""
}

// SignIn asks the STS of every Region who the credential is. It is signed with
// the credential alone, never with the account's own. ErrNotSignedIn says that
// an endpoint refused it; endpoints that disagree are ErrAmbiguous. The Date
// is the latest of all.
func (k *Keyring) SignIn(ctx context.Context, c store.Credential, regions []string) (rotator.Identity, error) {
	what := fmt.Sprintf("sign in with key %s", c.KeyID())
	if c.KeyID() == "" || c.RevealSecret() == "" {
		return rotator.Identity{}, fmt.Errorf("%s: the credential is incomplete: %w", what, rotator.ErrRefused)
	}
	if len(regions) == 0 {
		regions = []string{""}
	}
	var who rotator.Identity
	for i, region := range regions {
		got, err := k.signIn(ctx, c, region)
		if err != nil {
			return rotator.Identity{}, fmt.Errorf("%s: %w", what, err)
		}
		if i > 0 && (got.ARN != who.ARN || got.UserID != who.UserID) {
			return rotator.Identity{}, fmt.Errorf("%s: %s in %s, but %s before: %w", what, got.ARN, region, who.ARN, rotator.ErrAmbiguous)
		}
		if who.Date.After(got.Date) {
			got.Date = who.Date
		}
		who = got
	}
	return who, nil
}

func (k *Keyring) signIn(ctx context.Context, c store.Credential, region string) (rotator.Identity, error) {
	client := k.stsIn(region)
	o := client.Options()
	what := "ask STS in " + o.Region
	x := exchange{proving: true}
	// A client's signer remembers the signing key that it derived for a key id: a
	// wrong secret would pass for the right one that came before it. So each
	// sign-in has a signer of its own, made with a client that calls nothing; the
	// client that calls has learned how far AWS's clock is from ours.
	o.HTTPSignerV4, o.AuthSchemes = nil, nil
	o.Credentials = credentials.NewStaticCredentialsProvider(c.KeyID(), c.RevealSecret(), "")
	fresh := sts.New(o).Options()
	out, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}, func(o *sts.Options) {
		o.HTTPSignerV4, o.AuthSchemes, o.Credentials = fresh.HTTPSignerV4, fresh.AuthSchemes, fresh.Credentials
		o.APIOptions = append(o.APIOptions, x.install)
	})
	if err != nil {
		return rotator.Identity{}, x.fail(what, err)
	}
	who := rotator.Identity{ARN: aws.ToString(out.Arn), UserID: aws.ToString(out.UserId), Date: x.date}
	if who.ARN == "" || who.UserID == "" {
		return rotator.Identity{}, fmt.Errorf("%s: the answer tells no ARN and id: %w", what, rotator.ErrAmbiguous)
	}
	return who, nil
}

// stsIn returns the Region's client, made at its first use.
func (k *Keyring) stsIn(region string) *sts.Client {
	k.mu.Lock()
	defer k.mu.Unlock()
	client, ok := k.sts[region]
	if !ok {
		client = sts.NewFromConfig(k.account.Config(region))
		k.sts[region] = client
	}
	return client
}

// OwnKey is the long-lived key that this program was given, also when it only
// serves to assume the account's role. Temporary credentials carry a session
// token and have none.
func (k *Keyring) OwnKey(ctx context.Context) (rotator.KeyID, error) {
	own, err := k.account.Base().Retrieve(ctx)
	if err != nil {
		return "", fmt.Errorf("read the key that this program signs with: %w", err)
	}
	if own.SessionToken != "" || !strings.HasPrefix(own.AccessKeyID, "AKIA") {
		return "", nil
	}
	return rotator.KeyID(own.AccessKeyID), nil
}
