// Package account turns one configured AWS account into configurations for the
// AWS SDK's clients.
//
// It owns how this program signs (the ambient chain of the SDK, or a role that
// is assumed from it, cached and renewed), where calls go (the SDK's own
// endpoints, AWS_ENDPOINT_URL and its per-service forms, and above both the
// endpoint of the configuration), and how they travel: the one HTTP transport,
// the limit of calls in flight per account, the time limit of each call, and
// the last look at the fence between signing and sending.
//
// It knows no service's error codes; the packages that make the calls do.
package account

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyrotator/keyrotator/rotator"
)

const (
	defaultCallTimeout   = 20 * time.Second
	defaultCallsInFlight = 10
	defaultSessionName   = "keyrotator"
)

// ErrWrongAccount says that the credentials belong to another account than the
// configuration names.
var ErrWrongAccount = errors.New("credentials belong to another account")

// Options says how one account is reached. Name is required; so is a Region,
// here or in the SDK's own environment.
type Options struct {
	// Name is what the configuration calls the account.
	Name string
	// ID is the account's twelve digits; empty means unchecked.
	ID string
	// Region is where STS and, without one of their own, stores are called.
	// Empty takes the SDK's (AWS_REGION or the shared configuration).
	Region string
	// Partition is "aws", "aws-cn" or "aws-us-gov"; empty means unchecked. It
	// gives a Region to an account that has none.
	Partition string

	// Role is the ARN of a role to assume; empty means to call with the base
	// credentials themselves.
	Role string
	// ExternalID goes with Role. It is treated as a secret.
	ExternalID string
	// SessionName appears in CloudTrail for Role; empty means "keyrotator".
	SessionName string

	// Endpoint is the URL that every service of this account is called at, for
	// an emulator. It outranks the environment. Empty means AWS, or what the
	// environment says.
	Endpoint string
	// Transport carries the calls. Accounts of one process should share what
	// NewTransport returns; nil makes one for this account alone. With a
	// transport that is not an *http.Transport, such as an in-process server,
	// nothing of this account ever opens a socket: its base credentials are
	// then those given here, or a key in the environment, and nothing else.
	Transport http.RoundTripper
	// Credentials are the base credentials; nil means the SDK's ambient chain.
	Credentials aws.CredentialsProvider

	// CallTimeout limits each call on the wire, retries apart; zero means 20 s.
	CallTimeout time.Duration
	// CallsInFlight limits the calls of this account that are on the wire at
	// once; zero means 10. Whoever waits holds nothing.
	CallsInFlight int
	// Observe is told of every call that was sent: the service and operation,
	// AWS's error code ("ok", or "unanswered" without an answer), how long it
	// took. Nil means nobody is. It must not block.
	Observe func(service, operation, code string, took time.Duration)
}

// Account is one AWS account that can be called. It is safe for concurrent use
// and holds no goroutine; idle connections belong to its transport.
type Account struct {
	options Options
	config  aws.Config
	base    aws.CredentialsProvider
}

// New reads the SDK's environment (variables and shared files) and prepares
// the account. It calls nobody: credentials are fetched by the first call.
func New(ctx context.Context, o Options) (*Account, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("prepare account %q: %w", o.Name, err)
	}
	cfg, err := load(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("prepare account %q: %w", o.Name, err)
	}
	a := &Account{options: o, config: cfg, base: cfg.Credentials}
	if o.Role != "" {
		a.config.Credentials = assume(cfg, o)
	}
	return a, nil
}

// Name is what the configuration calls the account.
func (a *Account) Name() string { return a.options.Name }

// ID is the account's twelve digits, empty if they are unchecked.
func (a *Account) ID() string { return a.options.ID }

// Region is the account's own Region, never empty.
func (a *Account) Region() string { return a.config.Region }

// Base returns the credentials that this program itself was given, before any
// role is assumed.
func (a *Account) Base() aws.CredentialsProvider { return a.base }

// Config returns the configuration for a service's client in the given Region;
// empty means the account's own. Its retryer is the SDK's standard one with
// three attempts; a client may replace it. The fence, the limits and the count
// of calls come with it. It does not suit operations that stream their answer,
// because a call ends, with its time limit, as soon as the answer is parsed.
func (a *Account) Config(region string) aws.Config {
	cfg := a.config.Copy()
	if region != "" {
		cfg.Region = region
	}
	return cfg
}

// VerifyIdentity signs in and returns as whom. It fails with ErrWrongAccount
// when the account or the partition is not the configured one.
func (a *Account) VerifyIdentity(ctx context.Context) (rotator.Identity, error) {
	got, err := sts.NewFromConfig(a.Config("")).GetCallerIdentity(ctx, nil)
	if err != nil {
		return rotator.Identity{}, fmt.Errorf("verify the identity in account %q: %w", a.Name(), err)
	}
	who := rotator.Identity{ARN: aws.ToString(got.Arn), UserID: aws.ToString(got.UserId)}
	parsed, err := arn.Parse(who.ARN)
	if err != nil {
		return rotator.Identity{}, fmt.Errorf("verify the identity in account %q: read ARN %q: %w", a.Name(), who.ARN, err)
	}
	if want := a.options.ID; want != "" && (aws.ToString(got.Account) != want || parsed.AccountID != want) {
		return who, fmt.Errorf("account %q is configured as %s, signed in as %s: %w", a.Name(), want, who.ARN, ErrWrongAccount)
	}
	if want := a.options.Partition; want != "" && parsed.Partition != want {
		return who, fmt.Errorf("account %q is configured in partition %s, signed in as %s: %w", a.Name(), want, who.ARN, ErrWrongAccount)
	}
	return who, nil
}

func (o Options) withDefaults() Options {
	if o.CallTimeout <= 0 {
		o.CallTimeout = defaultCallTimeout
	}
	if o.CallsInFlight <= 0 {
		o.CallsInFlight = defaultCallsInFlight
	}
	if o.SessionName == "" {
		o.SessionName = defaultSessionName
	}
	if o.Observe == nil {
		o.Observe = func(string, string, string, time.Duration) {}
	}
	return o
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

func (o Options) validate() error {
	if o.Name == "" {
		return errors.New("it has no name")
	}
	if o.ID != "" && !accountID.MatchString(o.ID) {
		return fmt.Errorf("account id %q is not twelve digits", o.ID)
	}
	if o.Partition != "" && homeRegion(o.Partition) == "" {
		return fmt.Errorf("unknown partition %q: want aws, aws-cn or aws-us-gov", o.Partition)
	}
	if o.Endpoint != "" {
		u, err := url.Parse(o.Endpoint)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return fmt.Errorf("endpoint %q is not an http or https URL", o.Endpoint)
		}
	}
	return o.validateRole()
}

// validateRole catches a role of the wrong account before it is assumed.
func (o Options) validateRole() error {
	if o.Role == "" {
		if o.ExternalID != "" {
			return errors.New("an external id needs a role")
		}
		return nil
	}
	role, err := arn.Parse(o.Role)
	if err != nil || role.Service != "iam" {
		return fmt.Errorf("role %q is not the ARN of an IAM role", o.Role)
	}
	if o.ID != "" && role.AccountID != o.ID {
		return fmt.Errorf("role %s does not belong to account %s", o.Role, o.ID)
	}
	if o.Partition != "" && role.Partition != o.Partition {
		return fmt.Errorf("role %s is not in partition %s", o.Role, o.Partition)
	}
	return nil
}

// homeRegion is where a partition's IAM lives (AWS General Reference, IAM
// endpoints); empty for a partition not known here.
func homeRegion(partition string) string {
	switch partition {
	case "aws":
		return "us-east-1"
	case "aws-cn":
		return "cn-north-1"
	case "aws-us-gov":
		return "us-gov-west-1"
	default:
		return ""
	}
}
