package apiserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	authorization "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/keyrotator/keyrotator/store"
)

// Access is a permission: a verb of RBAC, such as "get", on an object.
type Access struct {
	Verb   string
	Object Object
}

// String reads "patch secrets aws-credentials in namespace ci".
func (a Access) String() string { return a.Verb + " " + a.Object.String() }

// Require asks the API server whether this program has all these permissions.
// ErrDenied names each one that is missing, and the rule that would grant them.
//
// A SelfSubjectAccessReview changes nothing, and the cluster roles that every
// cluster comes with let every user make one (system:basic-user).
func (c Client) Require(ctx context.Context, all []Access) error {
	var missing []Access
	for _, access := range all {
		allowed, err := c.may(ctx, access)
		if err != nil {
			return fmt.Errorf("ask for permission to %s: %w", access, err)
		}
		if !allowed {
			missing = append(missing, access)
		}
	}
	if missing == nil {
		return nil
	}
	words := make([]string, len(missing))
	for i, access := range missing {
		words[i] = access.String()
	}
	return fmt.Errorf("%w: this program may not %s; %s", store.ErrDenied, strings.Join(words, ", "), Grant(missing))
}

func (c Client) may(ctx context.Context, access Access) (bool, error) {
	o := access.Object
	review := authorization.SelfSubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SelfSubjectAccessReview"},
		Spec: authorization.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorization.ResourceAttributes{
			Verb: access.Verb, Group: o.Group, Version: o.Version, Resource: o.Resource, Namespace: o.Namespace, Name: o.Name,
		}},
	}
	body, err := json.Marshal(review)
	if err != nil {
		return false, err
	}
	reviews := Object{Group: "authorization.k8s.io", Version: "v1", Resource: "selfsubjectaccessreviews"}
	r := request{verb: "create", method: http.MethodPost, object: reviews, contentType: "application/json", body: body}
	if err := c.call(ctx, r, &review); err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}

// Grant words the rules of a Role that gives these permissions, and no more.
func Grant(all []Access) string {
	type place struct{ group, resource, name string }
	var places []place
	verbs := map[place][]string{}
	for _, access := range all {
		p := place{access.Object.Group, access.Object.Resource, access.Object.Name}
		if !slices.Contains(places, p) {
			places = append(places, p)
		}
		verbs[p] = append(verbs[p], access.Verb)
	}
	rules := make([]string, len(places))
	for i, p := range places {
		names := ""
		if p.name != "" {
			names = fmt.Sprintf(", resourceNames: [%s]", p.name)
		}
		rules[i] = fmt.Sprintf("{apiGroups: [%q], resources: [%s]%s, verbs: [%s]}", p.group, p.resource, names, strings.Join(verbs[p], ", "))
	}
	return "grant it with a Role's rules: [" + strings.Join(rules, ", ") + "]"
}
