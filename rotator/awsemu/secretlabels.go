package awsemu

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
)

type updateStageInput struct {
	SecretId, VersionStage, RemoveFromVersionId, MoveToVersionId string //nolint:revive // AWS's spelling
}

// updateSecretVersionStage moves one label. It is a compare-and-swap: when the label sits on another version, that
// version must be named, and when a version is named, it must hold the label.
func (s *Server) updateSecretVersionStage(q *request) (any, error) {
	var in updateStageInput
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	if in.VersionStage == "" || len(in.VersionStage) > 256 {
		return nil, errConstraint(secretsManager, "versionStage", in.VersionStage, "Member must have length between 1 and 256")
	}
	x, err := q.findLive(in.SecretId)
	if err != nil {
		return nil, err
	}
	to, err := x.moveTarget(in)
	if err != nil {
		return nil, err
	}
	if err := x.checkMove(in); err != nil {
		return nil, err
	}
	x.move(in.VersionStage, to)
	x.changed = q.at
	return secretRef{ARN: x.arn, Name: x.name}, nil
}

// moveTarget finds the version that gets the label; nil when it is only taken away.
func (x *secret) moveTarget(in updateStageInput) (*version, error) {
	if in.MoveToVersionId == "" {
		if in.RemoveFromVersionId == "" {
			return nil, errSecretParameter("You must provide MoveToVersionId, RemoveFromVersionId or both.")
		}
		if in.VersionStage == labelCurrent {
			return nil, errSecretParameter("You can only move staging label %s to a different secret version. It can't be completely removed.", labelCurrent)
		}
		return nil, nil
	}
	to := x.version(in.MoveToVersionId)
	if to == nil {
		return nil, refuse(http.StatusBadRequest, "ResourceNotFoundException", "Secrets Manager can't find the specified secret version: %s.", in.MoveToVersionId)
	}
	if len(to.labels) >= maxLabels && !slices.Contains(to.labels, in.VersionStage) {
		return nil, refuse(http.StatusBadRequest, "LimitExceededException", "A version can have at most %d staging labels.", maxLabels)
	}
	return to, nil
}

func (x *secret) checkMove(in updateStageInput) error {
	holder := x.holder(in.VersionStage)
	switch {
	case in.RemoveFromVersionId == "":
		if holder != nil && holder.id != in.MoveToVersionId {
			return errSecretParameter("The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to "+
				"version %s, so you must explicitly reference that version in RemoveFromVersionId.",
				in.VersionStage, holder.id)
		}
	case x.version(in.RemoveFromVersionId) == nil:
		return refuse(http.StatusBadRequest, "ResourceNotFoundException", "Secrets Manager can't find the specified secret version: %s.", in.RemoveFromVersionId)
	case holder == nil || holder.id != in.RemoveFromVersionId:
		return errSecretParameter("If you specify RemoveFromVersionId, it must be the version that has the staging label %s; version %s has not.",
			in.VersionStage, in.RemoveFromVersionId)
	}
	return nil
}

type versionEntry struct {
	VersionId     string   //nolint:revive // AWS's spelling
	VersionStages []string `json:",omitempty"`
	CreatedDate   json.Number
}

type listVersionsOutput struct {
	ARN, Name string
	Versions  []versionEntry
	NextToken string `json:",omitempty"`
}

// listSecretVersionIDs pages through the versions, newest first; those without a label only with IncludeDeprecated.
func (s *Server) listSecretVersionIDs(q *request) (any, error) {
	var in struct {
		SecretId          string //nolint:revive // AWS's spelling
		MaxResults        *int
		NextToken         string
		IncludeDeprecated bool
	}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	x, err := q.find(in.SecretId)
	if err != nil {
		return nil, err
	}
	var all []versionEntry
	for _, v := range slices.Backward(x.versions) {
		if in.IncludeDeprecated || len(v.labels) > 0 {
			all = append(all, versionEntry{v.id, slices.Clone(v.labels), epoch(v.created)})
		}
	}
	from, to, next, err := tokenPage(len(all), in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return listVersionsOutput{x.arn, x.name, all[from:to], next}, nil
}

// tokenPage is paging by MaxResults (1–100, default 100) and NextToken.
func tokenPage(total int, size *int, token string) (from, to int, next string, err error) {
	n := defaultPage
	if size != nil {
		n = *size
	}
	if n < 1 || n > defaultPage {
		return 0, 0, "", errConstraint(secretsManager, "maxResults", strconv.Itoa(n), "Member must have value between 1 and 100")
	}
	if token != "" {
		if from, err = strconv.Atoi(token); err != nil || from < 0 {
			return 0, 0, "", refuse(http.StatusBadRequest, "InvalidNextTokenException", "Invalid value for NextToken.")
		}
	}
	from = min(from, total)
	to = min(from+n, total)
	if to < total {
		next = strconv.Itoa(to)
	}
	return from, to, next, nil
}
