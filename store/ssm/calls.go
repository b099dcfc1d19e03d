package ssm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/keyrotator/keyrotator/store"
)

// pageSize is the most that GetParameterHistory gives at once (API reference,
// MaxResults).
const pageSize = 50

// read fetches all parameters as they are now.
func (s *Store) read(ctx context.Context) ([]*state, error) {
	var states []*state
	for _, slot := range s.slots {
		p, err := s.readOne(ctx, slot, 0)
		if err != nil {
			return nil, err
		}
		states = append(states, p)
	}
	return states, nil
}

// readOne fetches one version of a parameter, zero for the present one, and
// what the history tells of it and of those before. A parameter that does not
// exist has version zero.
func (s *Store) readOne(ctx context.Context, slot slot, version int64) (*state, error) {
	p := &state{slot: slot}
	if err := ctx.Err(); err != nil {
		return nil, s.wrap("read", err)
	}
	name := slot.name
	if version != 0 {
		name = fmt.Sprintf("%s:%d", slot.name, version)
	}
	out, err := s.options.Client.GetParameter(ctx, &sdk.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if version == 0 && is(err, codeNotFound) {
		return p, nil
	}
	if err != nil {
		return nil, s.wrap("read", refusal(err, "ssm:GetParameter, and kms:Decrypt on its key"))
	}
	if out.Parameter == nil || out.Parameter.Version == 0 {
		return nil, s.wrap("read", errors.New("the answer names no version"))
	}
	p.version, p.kind, p.value = out.Parameter.Version, out.Parameter.Type, aws.ToString(out.Parameter.Value)
	p.base = p.value
	p.history, err = s.history(ctx, slot, p.version)
	return p, err
}

// history lists what is known of a version and those before it, the newest
// first. Values come encrypted and are not looked at.
func (s *Store) history(ctx context.Context, slot slot, upTo int64) ([]entry, error) {
	var entries []entry
	in := &sdk.GetParameterHistoryInput{Name: &slot.name, MaxResults: aws.Int32(pageSize)}
	for {
		out, err := s.options.Client.GetParameterHistory(ctx, in)
		if err != nil {
			return nil, s.wrap("read history of", refusal(err, "ssm:GetParameterHistory"))
		}
		for _, h := range out.Parameters {
			if h.Version <= upTo {
				entries = append(entries, entry{
					version: h.Version, description: aws.ToString(h.Description), pattern: aws.ToString(h.AllowedPattern),
					key: aws.ToString(h.KeyId), tier: h.Tier,
				})
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			break
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return int(b.version - a.version) })
	return entries, nil
}

// write makes the next version of a parameter, or its first one. It returns the
// version's number as AWS gave it. ErrConflict, and nothing changed, when a
// parameter to be created is there meanwhile.
//
// What is not given anew is given as it was: AWS would take its own key again
// (API reference, KeyId) and the account's default tier (Tier). Policies are
// kept by AWS.
func (s *Store) write(ctx context.Context, before *state, value, keyID string) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, s.wrap("write", err)
	}
	is := before.now()
	kind := before.kind
	in := &sdk.PutParameterInput{
		Name: &before.slot.name, Value: &value, Tier: s.tier(before),
		Description:    aws.String(mark{s.options.Owner, keyID, s.print(s.options.Owner, value)}.describe(is.description)),
		AllowedPattern: optional(is.pattern),
	}
	if before.version == 0 {
		kind = types.ParameterTypeSecureString
		in.Tags = s.tags()
	} else {
		in.Overwrite = aws.Bool(true)
	}
	if in.Type = kind; kind == types.ParameterTypeSecureString {
		in.KeyId = optional(is.key)
		if s.options.KMSKeyID != "" {
			in.KeyId = &s.options.KMSKeyID
		}
	}
	out, err := s.options.Client.PutParameter(ctx, in)
	if err != nil {
		return 0, s.wrap("write", lost(ctx, err, "ssm:PutParameter, and kms:Encrypt (kms:GenerateDataKey for the tier Advanced) on its key"))
	}
	return out.Version, nil
}

// tags are those of a new parameter; with Overwrite AWS would refuse them (API
// reference, PutParameter, Tags).
func (s *Store) tags() []types.Tag {
	var tags []types.Tag
	for _, key := range slices.Sorted(maps.Keys(s.options.Tags)) {
		tags = append(tags, types.Tag{Key: aws.String(key), Value: aws.String(s.options.Tags[key])})
	}
	return tags
}

// giveBack writes what our own version has overwritten, unless somebody has
// written since.
func (s *Store) giveBack(ctx context.Context, theirs *state, ours int64) error {
	present, err := s.readOne(ctx, theirs.slot, 0)
	if err != nil {
		return errors.Join(store.ErrAmbiguous, err)
	}
	if present.version != ours {
		return nil
	}
	was := theirs.now()
	in := &sdk.PutParameterInput{
		Name: &theirs.slot.name, Value: &theirs.value, Type: theirs.kind, Overwrite: aws.Bool(true),
		// A description that is left out may stay as it is, with our mark.
		Description: aws.String(was.description), AllowedPattern: optional(was.pattern), Tier: was.tier,
	}
	if theirs.kind == types.ParameterTypeSecureString {
		in.KeyId = optional(was.key)
	}
	if _, err := s.options.Client.PutParameter(ctx, in); err != nil {
		return s.wrap("give back", lost(ctx, err, "ssm:PutParameter"))
	}
	return nil
}

// optional leaves out what is empty.
func optional(value string) *string {
	if value == "" {
		return nil
	}
	return &value
}
