package iamkeys

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// exchange notes what the SDK does not tell with its error: whether a call
// was sent at all, the answer's status, and AWS's clock. Make a new one for
// each call.
type exchange struct {
	// permitted is asked once more after signing; nil permits.
	permitted func() error
	// proving marks a call that is signed with the credential to be proven.
	proving bool

	sent   bool
	status int       // of the last answer, zero without one
	date   time.Time // of the last answer, zero without a Date header
}

// read watches a call of IAM that only reads.
func (x *exchange) read(o *iam.Options) { o.APIOptions = append(o.APIOptions, x.install) }

// once watches a call of IAM that changes something, and keeps the SDK from
// sending it twice.
func (x *exchange) once(o *iam.Options) {
	if !retriesCreate() {
		o.Retryer = aws.NopRetryer{}
	}
	x.read(o)
}

func (x *exchange) install(stack *middleware.Stack) error {
	permit := middleware.DeserializeMiddlewareFunc("keyrotator.Permit", x.permit)
	if err := stack.Deserialize.Add(permit, middleware.Before); err != nil {
		return fmt.Errorf("install the check of the proof: %w", err)
	}
	watch := middleware.DeserializeMiddlewareFunc("keyrotator.Watch", x.watch)
	if err := stack.Deserialize.Add(watch, middleware.After); err != nil {
		return fmt.Errorf("install the look at the answer: %w", err)
	}
	return nil
}

func (x *exchange) permit(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
	middleware.DeserializeOutput, middleware.Metadata, error,
) {
	if x.permitted != nil {
		if err := x.permitted(); err != nil {
			return middleware.DeserializeOutput{}, middleware.Metadata{}, err
		}
	}
	return next.HandleDeserialize(ctx, in) //nolint:wrapcheck // a step of the SDK's chain passes its errors on
}

// watch runs after the account's fence, as the last step before the wire.
func (x *exchange) watch(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
	middleware.DeserializeOutput, middleware.Metadata, error,
) {
	x.sent, x.status, x.date = true, 0, time.Time{}
	out, metadata, err := next.HandleDeserialize(ctx, in)
	if answer, ok := out.RawResponse.(*smithyhttp.Response); ok && err == nil {
		x.status = answer.StatusCode
		if date, e := http.ParseTime(answer.Header.Get("Date")); e == nil {
			x.date = date.UTC()
		}
	}
	return out, metadata, err //nolint:wrapcheck // a step of the SDK's chain passes its errors on
}
