package account

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/logging"

	"github.com/keyrotator/keyrotator/rotator"
)

// readAttempts bounds the SDK's own retries. The cycle has a back-off of its
// own; these few only spare it the common hiccup.
const readAttempts = 3

// load builds the configuration that calls with the base credentials.
func load(ctx context.Context, o Options) (aws.Config, error) {
	options, err := o.loadOptions()
	if err != nil {
		return aws.Config{}, err
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("load the SDK's configuration: %w", err)
	}
	if cfg.Region == "" {
		cfg.Region = homeRegion(o.Partition)
	}
	if cfg.Region == "" {
		return aws.Config{}, errors.New("it has no Region, and neither has the environment")
	}
	transport := o.Transport
	if transport == nil {
		if transport, err = roundTripper(cfg); err != nil {
			return aws.Config{}, err
		}
	}
	cfg.HTTPClient = &http.Client{Transport: transport, CheckRedirect: keepRedirect}
	if o.Endpoint != "" {
		cfg.BaseEndpoint = aws.String(o.Endpoint)
		cfg.ConfigSources = append([]any{endpoint(o.Endpoint)}, cfg.ConfigSources...)
	}
	if cfg.AppID == "" {
		cfg.AppID = "keyrotator"
	}
	cfg.Retryer = newRetryer
	cfg.RetryMaxAttempts = 0 // AWS_MAX_ATTEMPTS would lift the bound above
	c := &calls{
		slots:   make(chan struct{}, o.CallsInFlight),
		timeout: o.CallTimeout,
		observe: o.Observe,
	}
	cfg.APIOptions = append(cfg.APIOptions, c.install)
	return cfg, nil
}

func (o Options) loadOptions() ([]func(*config.LoadOptions) error, error) {
	options := []func(*config.LoadOptions) error{
		// The SDK accepts AWS_CA_BUNDLE only together with its own buildable
		// client: a plain *http.Client here fails with "unable to add custom RootCAs".
		config.WithHTTPClient(tuned(o.CallsInFlight)),
		config.WithLogger(logging.Nop{}),
		// The modes choose time limits and retryers, which are ours here; "auto"
		// would ask the instance metadata service.
		config.WithDefaultsMode(aws.DefaultsModeLegacy),
	}
	if o.Region != "" {
		options = append(options, config.WithRegion(o.Region))
	}
	base, err := o.base()
	if err != nil {
		return nil, err
	}
	if base != nil {
		options = append(options, config.WithCredentialsProvider(base))
	}
	return options, nil
}

// base is what replaces the SDK's ambient chain, nil for nothing. The chain's
// own calls (instance metadata, container endpoint, web identity, single
// sign-on) would pass by an in-process transport, so there it shrinks to the
// key in the environment.
func (o Options) base() (aws.CredentialsProvider, error) {
	_, network := o.Transport.(*http.Transport)
	if o.Credentials != nil || o.Transport == nil || network {
		return o.Credentials, nil
	}
	env, err := config.NewEnvConfig()
	if err != nil {
		return nil, fmt.Errorf("read the SDK's environment: %w", err)
	}
	if !env.Credentials.HasKeys() {
		return nil, errors.New("an in-process transport needs credentials given, or a key in the environment")
	}
	return credentials.StaticCredentialsProvider{Value: env.Credentials}, nil
}

// newRetryer is the SDK's standard retryer, which never repeats what the fence
// stopped, whatever that error wraps.
func newRetryer() aws.Retryer {
	fenced := retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
		if errors.Is(err, rotator.ErrFenced) {
			return aws.FalseTernary
		}
		return aws.UnknownTernary
	})
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = readAttempts
		o.Retryables = append([]retry.IsErrorRetryable{fenced}, o.Retryables...)
	})
}

// keepRedirect hands a redirect back as the answer. A signed request must not
// follow one: AWS's APIs send none, so it can only lead away from AWS.
func keepRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// endpoint is the first source that the SDK's clients ask for their service's
// endpoint, so that the configuration outranks AWS_ENDPOINT_URL_IAM and its like.
type endpoint string

// GetServiceBaseEndpoint implements the SDK's (unexported) provider interface.
func (e endpoint) GetServiceBaseEndpoint(context.Context, string) (string, bool, error) {
	return string(e), true, nil
}

// GetIgnoreConfiguredEndpoints keeps AWS_IGNORE_CONFIGURED_ENDPOINT_URLS from
// sending an emulator's traffic to AWS.
func (e endpoint) GetIgnoreConfiguredEndpoints(context.Context) (bool, bool, error) {
	return false, true, nil
}
