package awsemu

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

const (
	// maxSecret is the limit of a secret's value in bytes (AWS guide, "Secrets Manager quotas").
	maxSecret = 65_536
	// keptVersions is about how many versions a secret keeps; none younger than a day is removed (the same page).
	keptVersions   = 100
	maxLabels      = 20
	youngVersion   = 24 * time.Hour
	minTokenLength = 32
	maxTokenLength = 64
)

// checkValue holds a value and its ClientRequestToken to the API model.
func checkValue(text *string, binary []byte, token string) error {
	switch {
	case text != nil && binary != nil:
		return errSecretParameter("You can't specify both a binary secret value and a string secret value in the same secret.")
	case text == nil && binary == nil:
		return errSecretRequest("You must provide either SecretString or SecretBinary.")
	case text != nil && len(*text) > maxSecret:
		return errTooLong("secretString")
	case len(binary) > maxSecret:
		return errTooLong("secretBinary")
	case token == "":
		return errSecretRequest("You must provide a ClientRequestToken value. We recommend a UUID-type value.")
	case len(token) < minTokenLength || len(token) > maxTokenLength:
		return errSecretParameter("ClientRequestToken must be 32-64 characters long.")
	}
	return nil
}

// errTooLong words the limit as in kubernetes-sigs/cluster-api-provider-aws#1531: the value itself is not repeated.
func errTooLong(member string) error {
	return errValidation(secretsManager,
		"1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", member, maxSecret)
}

// add appends a version with its labels. The first version gets AWSCURRENT in any case.
func (x *secret) add(v *version, labels []string) {
	x.versions = append(x.versions, v)
	x.changed = v.created
	if len(x.versions) == 1 && !slices.Contains(labels, labelCurrent) {
		labels = append([]string{labelCurrent}, labels...)
	}
	for _, label := range labels {
		x.move(label, v)
	}
	x.forget(v.created)
}

// forget removes the oldest versions without a label beyond those that are kept.
func (x *secret) forget(now time.Time) {
	surplus := len(x.versions) - keptVersions
	x.versions = slices.DeleteFunc(x.versions, func(v *version) bool {
		if surplus <= 0 || len(v.labels) > 0 || now.Sub(v.created) < youngVersion {
			return false
		}
		surplus--
		return true
	})
}

type putSecretValueInput struct {
	SecretId, ClientRequestToken string //nolint:revive // AWS's spelling
	SecretString                 *string
	SecretBinary                 []byte
	VersionStages                []string
}

func (s *Server) putSecretValue(q *request) (any, error) {
	var in putSecretValueInput
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	if err := checkValue(in.SecretString, in.SecretBinary, in.ClientRequestToken); err != nil {
		return nil, err
	}
	if in.VersionStages != nil && (len(in.VersionStages) < 1 || len(in.VersionStages) > maxLabels || slices.Contains(in.VersionStages, "")) {
		return nil, errValidation(secretsManager,
			"1 validation error detected: Value at 'versionStages' failed to satisfy constraint: Member must have length between 1 and %d", maxLabels)
	}
	x, err := q.findLive(in.SecretId)
	if err != nil {
		return nil, err
	}
	if v := x.version(in.ClientRequestToken); v != nil {
		if !v.same(in.SecretString, in.SecretBinary) {
			return nil, refuse(http.StatusBadRequest, "ResourceExistsException",
				"You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", v.id, x.arn)
		}
		return secretRef{x.arn, x.name, v.id, slices.Clone(v.labels)}, nil // ignored: no label moves
	}
	labels := in.VersionStages
	if labels == nil {
		labels = []string{labelCurrent}
	}
	v := &version{id: in.ClientRequestToken, created: q.at, text: in.SecretString, binary: in.SecretBinary}
	x.add(v, labels)
	return secretRef{x.arn, x.name, v.id, slices.Clone(v.labels)}, nil
}

type getSecretValueInput struct {
	SecretId, VersionId, VersionStage string //nolint:revive // AWS's spelling
}

type getSecretValueOutput struct {
	secretRef
	SecretString *string     `json:",omitempty"`
	SecretBinary []byte      `json:",omitempty"`
	CreatedDate  json.Number `json:",omitempty"`
}

func (s *Server) getSecretValue(q *request) (any, error) {
	var in getSecretValueInput
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	x, err := q.findLive(in.SecretId)
	if err != nil {
		return nil, err
	}
	v, err := x.choose(in.VersionId, in.VersionStage)
	if err != nil {
		return nil, err
	}
	x.accessed = q.at
	return getSecretValueOutput{secretRef{x.arn, x.name, v.id, slices.Clone(v.labels)}, v.text, v.binary, epoch(v.created)}, nil
}

// choose finds a version by id, by label, by both, or the current one.
func (x *secret) choose(id, label string) (*version, error) {
	if id != "" {
		v := x.version(id)
		if v == nil {
			return nil, refuse(http.StatusBadRequest, "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: %s", id)
		}
		if label != "" && !slices.Contains(v.labels, label) {
			return nil, errSecretRequest("You provided a VersionStage that is not associated to the provided VersionId.")
		}
		return v, nil
	}
	if label == "" {
		label = labelCurrent
	}
	if v := x.holder(label); v != nil {
		return v, nil
	}
	return nil, refuse(http.StatusBadRequest, "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: %s", label)
}
