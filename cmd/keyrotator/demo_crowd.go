package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	// demoRefreshes is what the configuration promises of the consumers: they
	// read their store again within it. demoReread keeps the promise.
	demoRefreshes = time.Second
	demoReread    = 800 * time.Millisecond
	// demoPace is the time between two sign-ins of one consumer.
	demoPace = 250 * time.Millisecond
)

// signIns counts what consumers did. The embedded AWS refused those that failed;
// those unanswered were throttled or dropped, which blames no key.
type signIns struct {
	Tried      int    `json:"tried"`
	Failed     int    `json:"failed"`
	Unanswered int    `json:"unanswered"`
	First      string `json:"first_failure,omitempty"`
}

func (n signIns) String() string {
	text := fmt.Sprintf("sign-ins by consumers: %d tried, %d failed", n.Tried, n.Failed)
	if n.Unanswered > 0 {
		text += fmt.Sprintf(", %d not answered (the fault script, not the key)", n.Unanswered)
	}
	return text
}

// crowd are the consumers: each reads its store now and then, and signs in all
// the time with what it read last.
type crowd struct {
	wire http.RoundTripper
	end  context.CancelFunc
	done sync.WaitGroup

	mu sync.Mutex
	n  signIns
}

// startCrowd starts one consumer for each store. They outlive the context, since
// a demo that is interrupted still counts them: stop them.
func startCrowd(ctx context.Context, w *demoWorld) *crowd {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &crowd{wire: w.emu.Transport(), end: cancel}
	for _, u := range w.users {
		if u.secret != "" {
			c.done.Go(func() { c.consume(ctx, u.user.String()+" (secret)", w.readSecret(u)) })
		}
		if u.path != "" {
			c.done.Go(func() { c.consume(ctx, u.user.String()+" (file)", readFile(u)) })
		}
	}
	return c
}

// stop ends all consumers and waits for them. It may be called twice.
func (c *crowd) stop() {
	c.end()
	c.done.Wait()
}

func (c *crowd) counts() signIns {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func (c *crowd) consume(ctx context.Context, who string, read func(context.Context) (aws.Credentials, error)) {
	tick := time.NewTicker(demoPace)
	defer tick.Stop()
	var held aws.Credentials
	var readAt time.Time
	for {
		if now := time.Now(); now.Sub(readAt) >= demoReread {
			fresh, err := read(ctx)
			if err != nil {
				c.count(ctx, who, "", err)
			} else {
				held, readAt = fresh, now
			}
		}
		if held.AccessKeyID != "" {
			c.count(ctx, who, held.AccessKeyID, c.signIn(ctx, held))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c *crowd) signIn(ctx context.Context, held aws.Credentials) error {
	client := sts.NewFromConfig(aws.Config{
		Region:      demoRegion,
		Credentials: credentials.StaticCredentialsProvider{Value: held},
		HTTPClient:  &http.Client{Transport: c.wire},
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	})
	_, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	return err
}

// count books one sign-in. One that the end of the demo cut off does not count.
func (c *crowd) count(ctx context.Context, who, key string, err error) {
	if err != nil && ctx.Err() != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n.Tried++
	var answer *smithyhttp.ResponseError
	refused := errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusForbidden
	switch {
	case err == nil:
	case key != "" && !refused:
		c.n.Unanswered++
	default: // the key was refused, or the store held none
		c.n.Failed++
		if c.n.First == "" {
			c.n.First = fmt.Sprintf("%s with key %s at %s: %v", who, key, time.Now().Format(time.TimeOnly), err)
		}
	}
}

// readSecret reads as a consumer with a role of its own would; it passes the
// faults by, which are for keyrotator.
func (w *demoWorld) readSecret(u demoUser) func(context.Context) (aws.Credentials, error) {
	return func(context.Context) (aws.Credentials, error) {
		text, _, err := w.emu.Secret(demoID, demoRegion, u.secret, "")
		if err != nil {
			return aws.Credentials{}, err
		}
		var value map[string]string
		if json.Unmarshal([]byte(text), &value) != nil || value["AWS_ACCESS_KEY_ID"] == "" {
			return aws.Credentials{}, errors.New("the secret holds no key")
		}
		return aws.Credentials{AccessKeyID: value["AWS_ACCESS_KEY_ID"], SecretAccessKey: value["AWS_SECRET_ACCESS_KEY"]}, nil
	}
}

// readFile reads as every program that uses AWS's SDK does.
func readFile(u demoUser) func(context.Context) (aws.Credentials, error) {
	return func(ctx context.Context) (aws.Credentials, error) {
		profile, err := awsconfig.LoadSharedConfigProfile(ctx, "default", func(o *awsconfig.LoadSharedConfigOptions) {
			o.CredentialsFiles, o.ConfigFiles = []string{u.path}, []string{os.DevNull}
		})
		return profile.Credentials, err
	}
}
