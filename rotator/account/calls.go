package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/keyrotator/keyrotator/rotator"
)

// calls sees every call of an account at two points of the SDK's chain:
//
//	retry → credentials → [admit: slot, time limit] → sign → … → [send: fence, count] → wire
//
// admit comes before the signature, so that a call which waited for its slot
// is signed when it goes, and after the credentials, so that fetching those
// cannot wait for a slot that its own caller holds. send is the last step
// before the wire. Both are steps of the chain and not of the HTTP client,
// because the SDK repeats whatever an HTTP client fails with.
type calls struct {
	slots   chan struct{}
	timeout time.Duration
	observe func(service, operation, code string, took time.Duration)
}

// sentKey holds, for the duration of one attempt, when it was sent.
type sentKey struct{}

func (c *calls) install(stack *middleware.Stack) error {
	admit := middleware.FinalizeMiddlewareFunc("keyrotator.Admit", c.admit)
	if err := stack.Finalize.Insert(admit, "Signing", middleware.Before); err != nil {
		return fmt.Errorf("install the limit of calls: %w", err)
	}
	send := middleware.DeserializeMiddlewareFunc("keyrotator.Send", send)
	if err := stack.Deserialize.Add(send, middleware.After); err != nil {
		return fmt.Errorf("install the fence: %w", err)
	}
	return nil
}

func (c *calls) admit(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
	middleware.FinalizeOutput, middleware.Metadata, error,
) {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return middleware.FinalizeOutput{}, middleware.Metadata{},
			fmt.Errorf("wait for another call to end: %w", ctx.Err())
	}
	defer func() { <-c.slots }()
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var sent time.Time
	out, metadata, err := next.HandleFinalize(middleware.WithStackValue(ctx, sentKey{}, &sent), in)
	if !sent.IsZero() {
		c.observe(service(ctx), awsmiddleware.GetOperationName(ctx), outcome(err), time.Since(sent))
	}
	return out, metadata, err //nolint:wrapcheck // a step of the SDK's chain passes its errors on
}

func send(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
	middleware.DeserializeOutput, middleware.Metadata, error,
) {
	if err := rotator.CheckFence(ctx); err != nil {
		if !errors.Is(err, rotator.ErrFenced) {
			err = fmt.Errorf("%w: %w", rotator.ErrFenced, err)
		}
		return middleware.DeserializeOutput{}, middleware.Metadata{}, fmt.Errorf("not sent: %w", err)
	}
	rotator.CountCall(ctx, service(ctx))
	if sent, ok := middleware.GetStackValue(ctx, sentKey{}).(*time.Time); ok {
		*sent = time.Now()
	}
	return next.HandleDeserialize(ctx, in) //nolint:wrapcheck // a step of the SDK's chain passes its errors on
}

// service is the service's name as its signatures spell it: the SDK's id in
// lower case without spaces, for every service that this program calls.
func service(ctx context.Context) string {
	return strings.ToLower(strings.ReplaceAll(awsmiddleware.GetServiceID(ctx), " ", ""))
}

// outcome is the label that a call's end is counted under.
func outcome(err error) string {
	var api smithy.APIError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &api):
		return api.ErrorCode()
	default:
		return "unanswered"
	}
}
