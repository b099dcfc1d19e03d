package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/file"
	"github.com/keyrotator/keyrotator/store/secretsmanager"
)

// callsOf lists the calls that carrying a decision out would make, in order.
// Before them comes a look like the one that led to the decision.
func callsOf(d rotator.Decision, target rotator.Target, state rotator.State) []string {
	update := func(status rotator.Status) string {
		return fmt.Sprintf("iam:UpdateAccessKey UserName=%s AccessKeyId=%s Status=%s", state.User.Name, d.Key, status)
	}
	switch d.Verb {
	case rotator.VerbCreate:
		return []string{"iam:CreateAccessKey UserName=" + state.User.Name}
	case rotator.VerbProve:
		return signInCalls(d.Key, target)
	case rotator.VerbPush, rotator.VerbRestore:
		if d.Unable {
			return []string{}
		}
		return writeCalls(d.Consumer, d.Key, target)
	case rotator.VerbReactivate:
		return []string{update(rotator.Active)}
	case rotator.VerbDeactivate:
		return append(rewriteCalls(state, target), update(rotator.Inactive))
	case rotator.VerbDelete:
		return append(rewriteCalls(state, target), deleteCall(d, state))
	case rotator.VerbDiscard:
		return []string{deleteCall(d, state)}
	default:
		return []string{}
	}
}

func deleteCall(d rotator.Decision, state rotator.State) string {
	return fmt.Sprintf("iam:DeleteAccessKey UserName=%s AccessKeyId=%s", state.User.Name, d.Key)
}

func signInCalls(key rotator.KeyID, target rotator.Target) []string {
	regions := target.Policy.Verify.Regions
	if len(regions) == 0 {
		return []string{fmt.Sprintf("sts:GetCallerIdentity signed with %s", key)}
	}
	var calls []string
	for _, region := range regions {
		calls = append(calls, fmt.Sprintf("sts:GetCallerIdentity signed with %s in %s", key, region))
	}
	return calls
}

// writeCalls are those of one write with its proof.
func writeCalls(consumer string, key rotator.KeyID, target rotator.Target) []string {
	for _, c := range target.Consumers {
		if c.Name() != consumer {
			continue
		}
		where := c.Store.Describe()
		_, readable := c.Store.(store.Reader)
		var calls []string
		switch where.Kind {
		case secretsmanager.Kind:
			_, secret, _ := strings.Cut(where.Location, "/")
			calls = []string{
				fmt.Sprintf("secretsmanager:PutSecretValue SecretId=%s VersionStages=AWSPENDING", secret),
				fmt.Sprintf("secretsmanager:UpdateSecretVersionStage SecretId=%s VersionStage=AWSCURRENT", secret),
			}
			if readable {
				calls = append(calls, "secretsmanager:GetSecretValue SecretId="+secret)
			}
		case file.Kind:
			calls = []string{"write file " + where.Location}
		default:
			calls = []string{"write " + where.String()}
		}
		return append(calls, signInCalls(key, target)...)
	}
	return []string{}
}

// rewriteCalls are the writes before a cut: stores that cannot be read get the
// kept key once more, because drift in them is invisible.
func rewriteCalls(state rotator.State, target rotator.Target) []string {
	calls := []string{}
	cycle := state.Progress.Cycle
	if cycle == nil || cycle.Keep == "" || cycle.Purpose != rotator.PurposeRotation {
		return calls
	}
	for _, c := range target.Consumers {
		if _, readable := c.Store.(store.Reader); !readable && c.Required {
			calls = append(calls, writeCalls(c.Name(), cycle.Keep, target)...)
		}
	}
	return calls
}

// unopenedSecret stands for a secret in custody, which plan has no business to
// open.
const unopenedSecret = "in custody, not opened by plan"

// unopened is the custody as plan sees it: the key ids, which stand in the rows
// in place of the sealed bytes.
type unopened struct{}

// inCustody stands for the custody of a row. Once a store that can be read was
// seen to hold the kept key, that is where its secret is read.
func inCustody(row rotator.Row) map[rotator.KeyID][]byte {
	sealed := map[rotator.KeyID][]byte{}
	for key := range row.Sealed {
		sealed[key] = []byte(key)
	}
	if cycle := row.Progress.Cycle; cycle != nil {
		for _, consumer := range cycle.Consumers {
			if consumer.Readable && !cycle.Pushed[consumer.Name].IsZero() {
				delete(sealed, cycle.Keep)
			}
		}
	}
	return sealed
}

// Seal is never asked for by a plan.
func (unopened) Seal(context.Context, rotator.User, store.Credential) ([]byte, error) {
	return nil, errors.New("seal a secret: a plan has nothing to seal")
}

// Unseal returns the key with a secret that nobody can use.
func (unopened) Unseal(_ context.Context, _ rotator.User, sealed []byte) (store.Credential, error) {
	return store.NewCredential(string(sealed), unopenedSecret), nil
}

// custodian is a witness who takes it that a key in custody signs in as the user
// it was made for.
type custodian struct {
	rotator.Witness
	progress rotator.Progress
}

// SignIn asks AWS about a credential that a store holds, and nobody about one
// in custody.
func (w custodian) SignIn(ctx context.Context, c store.Credential, regions []string) (rotator.Identity, error) {
	if c.RevealSecret() != unopenedSecret {
		return w.Witness.SignIn(ctx, c, regions)
	}
	return rotator.Identity{ARN: w.progress.ARN, UserID: w.progress.UserID, Date: time.Now()}, nil
}
