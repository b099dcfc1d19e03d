package secretsmanager

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/keyrotator/keyrotator/store"
)

// read fetches the version under a staging label; one without an id when the
// secret or the label does not exist, which Secrets Manager does not tell apart.
func (s *Store) read(ctx context.Context, stage string) (*version, error) {
	if err := ctx.Err(); err != nil {
		return nil, s.wrap("read", err)
	}
	out, err := s.options.Client.GetSecretValue(ctx, &sdk.GetSecretValueInput{
		SecretId:     &s.options.SecretID,
		VersionStage: &stage,
	})
	if is(err, codeNotFound) {
		return &version{}, nil
	}
	if err != nil {
		return nil, s.wrap("read", refusal(err, "secretsmanager:GetSecretValue"))
	}
	v := &version{
		arn:      aws.ToString(out.ARN),
		id:       aws.ToString(out.VersionId),
		stages:   out.VersionStages,
		document: []byte(aws.ToString(out.SecretString)),
	}
	if out.SecretString == nil {
		v.document, v.binary = out.SecretBinary, true
	}
	if v.id == "" {
		return nil, s.wrap("read", errors.New("the answer names no version"))
	}
	return v, nil
}

// stage puts a version under AWSPENDING and our label. It reports whether the
// version is the current one already: Secrets Manager gives AWSCURRENT to a
// secret's first version, and a repeated call finds its version where the first
// one left it.
func (s *Store) stage(ctx context.Context, next *version) (current bool, err error) {
	in := &sdk.PutSecretValueInput{
		SecretId:           &s.options.SecretID,
		ClientRequestToken: &next.id,
		VersionStages:      next.stages,
	}
	if next.binary {
		in.SecretBinary = next.document
	} else {
		in.SecretString = aws.String(string(next.document))
	}
	out, err := s.options.Client.PutSecretValue(ctx, in)
	if is(err, codeNotFound) {
		s.setSurveyed("")
	}
	if err != nil {
		return false, s.wrap("write", lost(ctx, err, "secretsmanager:PutSecretValue"))
	}
	return slices.Contains(out.VersionStages, stageCurrent), nil
}

// create makes the secret, empty: the first version follows with our label on
// it, which CreateSecret could not give. A secret that exists meanwhile is fine;
// whether it may be filled shows when AWSCURRENT is moved.
func (s *Store) create(ctx context.Context) error {
	in := &sdk.CreateSecretInput{Name: &s.options.SecretID}
	if s.options.KMSKeyID != "" {
		in.KmsKeyId = &s.options.KMSKeyID
	}
	for _, key := range slices.Sorted(maps.Keys(s.options.Tags)) {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(key), Value: aws.String(s.options.Tags[key])})
	}
	if _, err := s.options.Client.CreateSecret(ctx, in); err != nil && !is(err, codeExists) {
		return s.wrap("create", lost(ctx, err, "secretsmanager:CreateSecret (and TagResource)"))
	}
	return nil
}

// promote moves AWSCURRENT to the new version from the one it was merged from
// (empty for none). ErrConflict, and no trace under AWSPENDING, when somebody
// else moved it first.
func (s *Store) promote(ctx context.Context, from, to string) error {
	in := &sdk.UpdateSecretVersionStageInput{
		SecretId:        &s.options.SecretID,
		VersionStage:    aws.String(stageCurrent),
		MoveToVersionId: &to,
	}
	if from != "" {
		in.RemoveFromVersionId = &from
	}
	_, err := s.options.Client.UpdateSecretVersionStage(ctx, in)
	if err == nil {
		return nil
	}
	if !is(err, codeParameter) && !is(err, codeRequest) && !is(err, codeNotFound) {
		return s.wrap("promote", lost(ctx, err, "secretsmanager:UpdateSecretVersionStage"))
	}
	// The label was not where we thought: it moved, or an earlier attempt of
	// this very call has moved it and its answer was lost.
	now, readErr := s.read(ctx, stageCurrent)
	if readErr != nil {
		return s.wrap("promote", errors.Join(store.ErrAmbiguous, readErr))
	}
	switch now.id {
	case to:
		return nil
	case from:
		return s.wrap("promote", refusal(err, "secretsmanager:UpdateSecretVersionStage"))
	}
	return errors.Join(s.wrap("promote", store.ErrConflict), s.withdraw(ctx, to))
}

// withdraw takes AWSPENDING off a version that was not promoted, for AWS's own
// rotation would take it for one in progress. It may have moved on already.
func (s *Store) withdraw(ctx context.Context, id string) error {
	_, err := s.options.Client.UpdateSecretVersionStage(ctx, &sdk.UpdateSecretVersionStageInput{
		SecretId:            &s.options.SecretID,
		VersionStage:        aws.String(stagePending),
		RemoveFromVersionId: &id,
	})
	if err == nil || is(err, codeParameter) || is(err, codeRequest) || is(err, codeNotFound) {
		return nil
	}
	return s.wrap("withdraw", lost(ctx, err, "secretsmanager:UpdateSecretVersionStage"))
}
