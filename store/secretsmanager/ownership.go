package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/keyrotator/keyrotator/store"
)

// judge tells whether a version may be replaced; ErrForeign if not. It makes no
// call for a version that is ours. One to adopt, and a secret to fill for the
// first time, need a survey, which is made once in the store's life.
func (s *Store) judge(ctx context.Context, v *version) error {
	owner := v.owner(s.options.Owner)
	switch {
	case v.id == "":
		return s.prepare(ctx)
	case owner == s.options.Owner:
		return nil
	case owner != "":
		return s.wrap("write", fmt.Errorf("%w: it is marked as that of %s", store.ErrForeign, owner))
	case s.options.Adopt && s.wasSurveyed(v.arn):
		return nil
	case s.options.Adopt:
		return s.survey(ctx)
	}
	ours, err := s.editedAround(ctx, v)
	if err != nil || ours {
		return err
	}
	return s.wrap("write", fmt.Errorf("%w: this program did not write its value; set adopt to take it over", store.ErrForeign))
}

// prepare sees to it that a secret without a value may be filled, and makes it
// if it does not exist and that is allowed.
func (s *Store) prepare(ctx context.Context) error {
	if s.wasSurveyed("") {
		return nil
	}
	err := s.survey(ctx)
	if errors.Is(err, errMissing) && s.options.Create {
		return s.create(ctx)
	}
	return err
}

// editedAround reports whether a version that is not ours holds the credential
// of one of ours: then a person has changed other fields, and the place is
// ours still. That some version of the secret is ours would not be enough: it
// may never have been promoted.
func (s *Store) editedAround(ctx context.Context, v *version) (bool, error) {
	trace := s.trace(v)
	if trace == "" {
		return false, nil
	}
	for _, stage := range []string{stagePrevious, label + s.options.Owner} {
		other, err := s.read(ctx, stage)
		if err != nil {
			return false, err
		}
		if signedBy(other.id, s.options.Owner) && s.trace(other) == trace {
			return true, nil
		}
	}
	return false, nil
}

// trace names the credential in a version, empty for none and for what cannot
// be understood, which is not ours.
func (s *Store) trace(v *version) string {
	trace, err := s.options.Payload.Trace(v.document)
	if err != nil {
		return ""
	}
	return trace
}

// wasSurveyed reports whether the secret, by its ARN (empty for whatever the
// name leads to), was looked at and found fit to be taken over.
func (s *Store) wasSurveyed(arn string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.surveyed != "" && (arn == "" || arn == s.surveyed)
}

func (s *Store) setSurveyed(arn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.surveyed = arn
}

// survey looks at the secret as a whole. ErrForeign when somebody else rotates
// it or when a version is marked as another user's; errMissing when there is
// none.
func (s *Store) survey(ctx context.Context) error {
	out, err := s.options.Client.DescribeSecret(ctx, &sdk.DescribeSecretInput{SecretId: &s.options.SecretID})
	if err != nil {
		return s.wrap("check", refusal(err, "secretsmanager:DescribeSecret"))
	}
	if err := s.findFault(out); err != nil {
		return s.wrap("check", err)
	}
	s.setSurveyed(aws.ToString(out.ARN))
	return nil
}

func (s *Store) findFault(out *sdk.DescribeSecretOutput) error {
	if out.DeletedDate != nil {
		return errUnusable
	}
	if primary := aws.ToString(out.PrimaryRegion); primary != "" && primary != s.options.Region {
		return fmt.Errorf("it is a replica, which cannot be written to; use the secret in %s", primary)
	}
	if service := aws.ToString(out.OwningService); service != "" {
		return fmt.Errorf("%w: it is managed by the AWS service %s", store.ErrForeign, service)
	}
	if aws.ToBool(out.RotationEnabled) {
		return fmt.Errorf("%w: AWS's own rotation is turned on for it; turn it off, for two rotations would undo each other", store.ErrForeign)
	}
	for id, stages := range out.VersionIdsToStages {
		if owner := labelled(stages); owner != "" && owner != s.options.Owner {
			return fmt.Errorf("%w: a version of it is marked as that of %s; remove the label %s if that is over", store.ErrForeign, owner, label+owner)
		}
		if slices.Contains(stages, stagePending) && !slices.Contains(stages, stageCurrent) && !signedBy(id, s.options.Owner) {
			return fmt.Errorf("%w: somebody else's rotation is under way (a version is labelled AWSPENDING); finish or cancel it", store.ErrForeign)
		}
	}
	return nil
}

// Check implements store.Checker, in two calls, and up to two more for a secret
// whose value is not ours. Permission to write cannot be asked for; that to
// read and to describe is used and so proven.
func (s *Store) Check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return s.wrap("check", err)
	}
	if err := s.survey(ctx); errors.Is(err, errMissing) && s.options.Create {
		return nil
	} else if err != nil {
		return err
	}
	v, err := s.read(ctx, stageCurrent)
	if err != nil {
		return err
	}
	if _, err := s.options.Payload.Trace(v.document); err != nil {
		return s.wrap("check", err)
	}
	return s.judge(ctx, v)
}
