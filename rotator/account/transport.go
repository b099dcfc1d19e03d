package account

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
)

// NewTransport makes the one HTTP transport that the accounts of a process
// share. It keeps as many idle connections to a host as there may be calls in
// flight over all accounts, since IAM is one host for all of them, and trusts
// what AWS_CA_BUNDLE (or ca_bundle in the shared configuration) names.
func NewTransport(ctx context.Context, callsInFlight int) (http.RoundTripper, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(tuned(callsInFlight)))
	if err != nil {
		return nil, fmt.Errorf("make the HTTP transport: %w", err)
	}
	return roundTripper(cfg)
}

// roundTripper takes the transport out of a loaded configuration, so that all
// clients share its connections: the SDK gives each client a copy of a
// BuildableClient, with a pool of its own.
func roundTripper(cfg aws.Config) (http.RoundTripper, error) {
	client, ok := cfg.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		return nil, fmt.Errorf("make the HTTP transport: the SDK returned a client of type %T", cfg.HTTPClient)
	}
	return client.GetTransport(), nil
}

func tuned(callsInFlight int) *awshttp.BuildableClient {
	idle := max(callsInFlight, defaultCallsInFlight)
	return awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) {
			d.Timeout = 10 * time.Second
		}).
		WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConnsPerHost = idle
			t.MaxIdleConns = max(t.MaxIdleConns, 4*idle) // IAM, and STS in a few Regions
			t.IdleConnTimeout = 90 * time.Second
			t.TLSHandshakeTimeout = 10 * time.Second
		})
}
