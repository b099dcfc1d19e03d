package account

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyrotator/keyrotator/rotator"
)

// renewBefore is how long before their expiry assumed credentials are renewed,
// less up to half of it so that several replicas do not renew at once.
const renewBefore = 5 * time.Minute

// assume returns the role's credentials, cached, and renewed before they
// expire. The role's session lasts an hour, the most that AWS allows when one
// role assumes another (IAM user guide, "role chaining").
func assume(base aws.Config, o Options) aws.CredentialsProvider {
	role := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(base), o.Role, func(a *stscreds.AssumeRoleOptions) {
		a.RoleSessionName = o.SessionName
		a.Duration = time.Hour
		if o.ExternalID != "" {
			a.ExternalID = aws.String(o.ExternalID)
		}
	})
	limit := readAttempts * o.CallTimeout
	return aws.NewCredentialsCache(detached{role, limit}, func(c *aws.CredentialsCacheOptions) {
		c.ExpiryWindow = renewBefore
		c.ExpiryWindowJitterFrac = 0.5
	})
}

// detached fetches credentials on nobody's account. One fetch serves every
// user whose call waits for it, so it must not fail by one user's fence, nor
// be counted in one user's tally; the cache takes the caller's deadline away,
// so it gets a limit of its own.
type detached struct {
	from  aws.CredentialsProvider
	limit time.Duration
}

// Retrieve implements aws.CredentialsProvider.
func (d detached) Retrieve(ctx context.Context) (aws.Credentials, error) {
	ctx = rotator.WithFence(ctx, func() error { return nil })
	ctx = rotator.WithTally(ctx, new(rotator.Tally))
	ctx, cancel := context.WithTimeout(ctx, d.limit)
	defer cancel()
	got, err := d.from.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("fetch credentials: %w", err)
	}
	return got, nil
}
