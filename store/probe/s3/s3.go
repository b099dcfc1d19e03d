// Package s3 probes a credential by asking Amazon S3, or a server that speaks
// its API, for a bucket (HeadBucket, which needs s3:ListBucket) or for an object
// in it (HeadObject, which needs s3:GetObject). Nothing of an object is read.
package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/keyrotator/keyrotator/store"
)

// Kind is how the configuration spells this kind of probe.
const Kind = "s3"

// Options says what New needs to know.
type Options struct {
	// Config has the bucket's Region and how calls travel; the credentials in
	// it are not used.
	Config aws.Config
	// Endpoint is the URL of an S3-compatible server, whose buckets are paths;
	// empty for Config's own, or AWS.
	Endpoint string
	Bucket   string
	// Object is a key in the bucket; empty asks for the bucket itself.
	Object string
}

// Probe asks for a bucket or an object. It is safe for concurrent use.
type Probe struct{ options Options }

// New makes a probe; it calls nobody.
func New(o Options) (*Probe, error) {
	if o.Bucket == "" || o.Config.Region == "" {
		return nil, errors.New("make s3 probe: bucket and Region are required")
	}
	return &Probe{o}, nil
}

// client signs with the credential alone. It serves one probe: a client
// remembers what it derived from a secret under the key's id, and would sign
// with the former secret if that of a later credential were another.
func (p *Probe) client(c store.Credential) *s3.Client {
	return s3.NewFromConfig(p.options.Config, func(o *s3.Options) {
		o.Credentials = credentials.NewStaticCredentialsProvider(c.KeyID(), c.RevealSecret(), "")
		if p.options.Endpoint != "" {
			o.BaseEndpoint = aws.String(p.options.Endpoint)
		}
		o.UsePathStyle = o.BaseEndpoint != nil
	})
}

// Describe names the bucket or the object.
func (p *Probe) Describe() string {
	if p.options.Object == "" {
		return Kind + ":" + p.options.Bucket
	}
	return Kind + ":" + p.options.Bucket + "/" + p.options.Object
}

// Probe asks with the credential, and with nothing else.
func (p *Probe) Probe(ctx context.Context, c store.Credential) error {
	if c.KeyID() == "" || c.RevealSecret() == "" {
		return errors.New("ask S3: the credential is incomplete")
	}
	client := p.client(c)
	var err error
	action := "s3:ListBucket"
	if p.options.Object == "" {
		_, err = client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &p.options.Bucket})
	} else {
		action = "s3:GetObject"
		_, err = client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &p.options.Bucket, Key: &p.options.Object})
	}
	if err != nil {
		return fmt.Errorf("ask S3 for %s with key %s: %w", p.Describe(), c.KeyID(), told(ctx, err, action))
	}
	return nil
}

// told says what a status means: an answer to HEAD has no body with a code (S3
// API reference, HeadObject).
func told(ctx context.Context, err error, action string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	answer, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok || answer.HTTPStatusCode() == 0 {
		return errors.New("no answer")
	}
	switch status := answer.HTTPStatusCode(); status {
	case http.StatusForbidden, http.StatusUnauthorized, http.StatusBadRequest:
		return fmt.Errorf("status %d: the key is not known, or lacks %s", status, action)
	case http.StatusNotFound:
		return errors.New("status 404: there is no such bucket or object")
	case http.StatusMovedPermanently:
		return errors.New("status 301: the bucket is in another Region; set region")
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return fmt.Errorf("%w: status %d", store.ErrThrottled, status)
	default:
		return fmt.Errorf("status %d", status)
	}
}
