package awsemu

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The staging labels that Secrets Manager moves by itself.
const (
	labelCurrent  = "AWSCURRENT"
	labelPrevious = "AWSPREVIOUS"
)

// secret is one Secrets Manager secret of one Region.
type secret struct {
	arn, name, description, kmsKey string
	created, changed, accessed     time.Time
	deletion                       time.Time // when it is gone; zero when not scheduled
	deletedAt                      time.Time
	tags                           []tag
	versions                       []*version // oldest first
}

// version is one value of a secret. Its labels are unique within the secret.
type version struct {
	id      string
	created time.Time
	text    *string
	binary  []byte
	labels  []string
}

// same says whether a version holds exactly this value.
func (v *version) same(text *string, binary []byte) bool {
	if (v.text == nil) != (text == nil) {
		return false
	}
	if text != nil {
		return *v.text == *text
	}
	return bytes.Equal(v.binary, binary)
}

func (x *secret) version(id string) *version {
	i := slices.IndexFunc(x.versions, func(v *version) bool { return v.id == id })
	if i < 0 {
		return nil
	}
	return x.versions[i]
}

func (x *secret) holder(label string) *version {
	i := slices.IndexFunc(x.versions, func(v *version) bool { return slices.Contains(v.labels, label) })
	if i < 0 {
		return nil
	}
	return x.versions[i]
}

// move puts a label on one version and takes it from the one that had it; nil only takes it. When AWSCURRENT leaves
// a version, AWSPREVIOUS follows there (API reference of PutSecretValue and UpdateSecretVersionStage).
func (x *secret) move(label string, to *version) {
	from := x.holder(label)
	if from == to {
		return
	}
	if from != nil {
		from.labels = slices.DeleteFunc(from.labels, func(l string) bool { return l == label })
	}
	if to != nil {
		to.labels = append(to.labels, label)
	}
	if label == labelCurrent && from != nil {
		x.move(labelPrevious, from)
	}
}

// region gives the secrets of the caller's account in the Region of the signature.
func (q *request) secrets() map[string]*secret {
	a := q.caller.account()
	if a.secrets[q.region] == nil {
		a.secrets[q.region] = map[string]*secret{}
	}
	return a.secrets[q.region]
}

func errNoSecret() error {
	return refuse(http.StatusBadRequest, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

func errSecretRequest(message string) error {
	return refuse(http.StatusBadRequest, "InvalidRequestException", "%s", message)
}

func errSecretParameter(format string, args ...any) error {
	return refuse(http.StatusBadRequest, "InvalidParameterException", format, args...)
}

// find looks a secret up by name or ARN. What was scheduled for deletion is gone once its time has come.
func (q *request) find(id string) (*secret, error) {
	if id == "" {
		return nil, errConstraint(secretsManager, "secretId", id, "Member must have length greater than or equal to 1")
	}
	all := q.secrets()
	x := all[id]
	if strings.HasPrefix(id, "arn:") {
		for _, other := range all {
			if other.arn == id || strings.HasPrefix(other.arn, id+"-") && len(other.arn) == len(id)+7 {
				x = other
			}
		}
	}
	if x != nil && !x.deletion.IsZero() && !q.at.Before(x.deletion) {
		delete(all, x.name)
		x = nil
	}
	if x == nil {
		return nil, errNoSecret()
	}
	return x, nil
}

// findLive is find for the calls that a scheduled deletion forbids.
func (q *request) findLive(id string) (*secret, error) {
	x, err := q.find(id)
	if err == nil && !x.deletion.IsZero() {
		return nil, errSecretRequest("You can't perform this operation on the secret because it was marked for deletion.")
	}
	return x, err
}

type createSecretInput struct {
	Name, ClientRequestToken, Description, KmsKeyId string //nolint:revive // AWS's spelling
	SecretString                                    *string
	SecretBinary                                    []byte
	Tags                                            []tag
}

type secretRef struct {
	ARN           string
	Name          string
	VersionId     string   `json:",omitempty"` //nolint:revive // AWS's spelling
	VersionStages []string `json:",omitempty"`
}

func (s *Server) createSecret(q *request) (any, error) {
	var in createSecretInput
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	if err := checkSecretName(in.Name); err != nil {
		return nil, err
	}
	valued := in.SecretString != nil || in.SecretBinary != nil
	if valued {
		if err := checkValue(in.SecretString, in.SecretBinary, in.ClientRequestToken); err != nil {
			return nil, err
		}
	}
	if x, err := q.find(in.Name); err == nil {
		return createAgain(x, in)
	}
	x := s.newSecret(q, in.Name)
	x.description, x.kmsKey, x.tags = in.Description, in.KmsKeyId, in.Tags
	out := secretRef{ARN: x.arn, Name: x.name}
	if valued {
		x.add(&version{id: in.ClientRequestToken, created: q.at, text: in.SecretString, binary: in.SecretBinary}, []string{labelCurrent})
		out.VersionId = in.ClientRequestToken
	}
	return out, nil
}

// createAgain answers a repeated CreateSecret: the same token with the same value is a no-op.
func createAgain(x *secret, in createSecretInput) (any, error) {
	if !x.deletion.IsZero() {
		return nil, errSecretRequest("You can't create this secret because a secret with this name is already scheduled for deletion.")
	}
	v := x.version(in.ClientRequestToken)
	if v == nil || !v.same(in.SecretString, in.SecretBinary) {
		return nil, refuse(http.StatusBadRequest, "ResourceExistsException", "The operation failed because the secret %s already exists.", x.name)
	}
	return secretRef{ARN: x.arn, Name: x.name, VersionId: v.id}, nil
}

// newSecret adds an empty secret in the request's Region. The caller holds s.mu.
func (s *Server) newSecret(q *request, name string) *secret {
	a := q.caller.account()
	x := &secret{
		arn:  "arn:aws:secretsmanager:" + q.region + ":" + a.id + ":secret:" + name + "-" + s.suffix(),
		name: name, created: q.at, changed: q.at,
	}
	q.secrets()[name] = x
	return x
}

func checkSecretName(name string) error {
	if len(name) < 1 || len(name) > 512 {
		return errConstraint(secretsManager, "name", name, "Member must have length between 1 and 512")
	}
	if strings.ContainsFunc(name, func(c rune) bool { return !letterOrDigit(c) && !strings.ContainsRune("/_+=.@-", c) }) {
		return errValidation(secretsManager, "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	}
	return nil
}

type describeSecretOutput struct {
	ARN, Name          string
	Description        string              `json:",omitempty"`
	KmsKeyId           string              `json:",omitempty"` //nolint:revive // AWS's spelling
	CreatedDate        json.Number         `json:",omitempty"`
	LastChangedDate    json.Number         `json:",omitempty"`
	LastAccessedDate   json.Number         `json:",omitempty"`
	DeletedDate        json.Number         `json:",omitempty"`
	Tags               []tag               `json:",omitempty"`
	VersionIdsToStages map[string][]string `json:",omitempty"` //nolint:revive // AWS's spelling
}

// describeSecret works on secrets that are scheduled for deletion, too. Versions without a label are left out.
func (s *Server) describeSecret(q *request) (any, error) {
	var in struct{ SecretId string } //nolint:revive // AWS's spelling
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	x, err := q.find(in.SecretId)
	if err != nil {
		return nil, err
	}
	out := describeSecretOutput{
		ARN: x.arn, Name: x.name, Description: x.description, KmsKeyId: x.kmsKey, Tags: x.tags,
		CreatedDate: epoch(x.created), LastChangedDate: epoch(x.changed), VersionIdsToStages: map[string][]string{},
	}
	if !x.accessed.IsZero() {
		out.LastAccessedDate = epoch(x.accessed.Truncate(24 * time.Hour))
	}
	if !x.deletedAt.IsZero() {
		out.DeletedDate = epoch(x.deletedAt)
	}
	for _, v := range x.versions {
		if len(v.labels) > 0 {
			out.VersionIdsToStages[v.id] = slices.Clone(v.labels)
		}
	}
	return out, nil
}
