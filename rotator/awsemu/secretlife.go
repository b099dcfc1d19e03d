package awsemu

import (
	"encoding/json"
	"slices"
	"time"
)

const (
	defaultRecoveryDays = 30
	minRecoveryDays     = 7
	// tagsPerSecret is Secrets Manager's quota.
	tagsPerSecret = 50
)

type deleteSecretOutput struct {
	ARN, Name    string
	DeletionDate json.Number
}

// deleteSecret schedules a deletion 7–30 days ahead, or deletes at once with ForceDeleteWithoutRecovery. Until then
// the secret can be described and restored, and every other call on it is an InvalidRequestException.
func (s *Server) deleteSecret(q *request) (any, error) {
	var in struct {
		SecretId                   string //nolint:revive // AWS's spelling
		RecoveryWindowInDays       *int64
		ForceDeleteWithoutRecovery bool
	}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	days := int64(defaultRecoveryDays)
	if in.RecoveryWindowInDays != nil {
		days = *in.RecoveryWindowInDays
		if in.ForceDeleteWithoutRecovery {
			return nil, errSecretParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
		}
		if days < minRecoveryDays || days > defaultRecoveryDays {
			return nil, errSecretParameter("The RecoveryWindowInDays value must be between %d and %d days (inclusive).", minRecoveryDays, defaultRecoveryDays)
		}
	}
	if in.ForceDeleteWithoutRecovery {
		x, err := q.find(in.SecretId)
		if err != nil {
			return nil, err
		}
		delete(q.secrets(), x.name)
		return deleteSecretOutput{x.arn, x.name, epoch(q.at)}, nil
	}
	x, err := q.findLive(in.SecretId)
	if err != nil {
		return nil, err
	}
	x.deletedAt, x.deletion = q.at, q.at.Add(time.Duration(days)*24*time.Hour)
	return deleteSecretOutput{x.arn, x.name, epoch(x.deletion)}, nil
}

func (s *Server) restoreSecret(q *request) (any, error) {
	var in struct{ SecretId string } //nolint:revive // AWS's spelling
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	x, err := q.find(in.SecretId)
	if err != nil {
		return nil, err
	}
	x.deletedAt, x.deletion = time.Time{}, time.Time{}
	return secretRef{ARN: x.arn, Name: x.name}, nil
}

func (s *Server) tagSecret(q *request) (any, error) {
	var in struct {
		SecretId string //nolint:revive // AWS's spelling
		Tags     []tag
	}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	x, err := q.findLive(in.SecretId)
	if err != nil {
		return nil, err
	}
	tags := slices.Clone(x.tags)
	for _, t := range in.Tags {
		if t.Key == "" {
			return nil, errSecretParameter("A tag's key must not be empty.")
		}
		tags = slices.DeleteFunc(tags, func(o tag) bool { return o.Key == t.Key })
		tags = append(tags, t)
	}
	if len(tags) > tagsPerSecret {
		return nil, errSecretParameter("A secret can have at most %d tags.", tagsPerSecret)
	}
	x.tags = tags
	return nil, nil
}

func (s *Server) untagSecret(q *request) (any, error) {
	var in struct {
		SecretId string //nolint:revive // AWS's spelling
		TagKeys  []string
	}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	x, err := q.findLive(in.SecretId)
	if err != nil {
		return nil, err
	}
	x.tags = slices.DeleteFunc(slices.Clone(x.tags), func(t tag) bool { return slices.Contains(in.TagKeys, t.Key) })
	return nil, nil
}
