package kubernetes

import (
	"context"
	"errors"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/kubernetes/apiserver"
)

// noVersion is a resourceVersion that no object has: etcd's revision 1 is that
// of an empty database. Applying with it makes an object or is a conflict.
const noVersion = "1"

var errMissing = errors.New("the Secret does not exist; create it, or set create")

func (s *Store) object() apiserver.Object {
	return apiserver.Object{Version: "v1", Resource: "secrets", Namespace: s.options.Namespace, Name: s.options.Secret}
}

// read fetches the Secret; one without a uid when it does not exist.
func (s *Store) read(ctx context.Context) (*core.Secret, error) {
	var now core.Secret
	err := s.client.Get(ctx, s.object(), &now)
	switch {
	case errors.Is(err, apiserver.ErrMissing):
		return &core.Secret{}, nil
	case err != nil:
		return nil, err
	case now.UID == "":
		return nil, errors.New("the API server's answer is no Secret")
	}
	return &now, nil
}

// apply writes the values and the mark, if the Secret still is what was read.
func (s *Store) apply(ctx context.Context, was *core.Secret, m mark, values map[string][]byte, dryRun bool) (*core.Secret, error) {
	next := core.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.options.Namespace, Name: s.options.Secret,
			UID: was.UID, ResourceVersion: was.ResourceVersion,
			Annotations: m.annotations(),
		},
		Data: values,
	}
	if was.UID == "" {
		next.ResourceVersion = noVersion
	}
	var written core.Secret
	if err := s.client.Write(ctx, s.object(), apiserver.Apply{DryRun: dryRun}, next, &written); err != nil {
		return nil, err
	}
	return &written, nil
}

// Check implements store.Checker: the Secret exists or may be made, this
// program may read and write it, it is ours or may be adopted, and nobody keeps
// it. Each missing permission is named.
func (s *Store) Check(ctx context.Context) error {
	if err := s.check(ctx); err != nil {
		return s.wrap("check", err)
	}
	return nil
}

func (s *Store) check(ctx context.Context) error {
	now, err := s.read(ctx)
	if err != nil && !errors.Is(err, store.ErrDenied) {
		return err
	}
	denied := err
	needed := []apiserver.Access{{Verb: "get", Object: s.object()}, {Verb: "patch", Object: s.object()}}
	if s.options.Create && (denied != nil || now.UID == "") {
		needed = append(needed, apiserver.Access{Verb: "create", Object: s.object()})
	}
	if err := s.client.Require(ctx, needed); err != nil {
		return err
	}
	if denied != nil {
		return denied
	}
	if _, err := s.judge(now); err != nil {
		return err
	}
	if err := s.writable(now); err != nil {
		return err
	}
	if now.UID != "" {
		return nil
	}
	// Whether one could be made shows nothing but the attempt: the namespace may
	// be missing, or a rule of the cluster be against it.
	values := map[string][]byte{}
	for _, name := range s.content.names() {
		values[name] = []byte{}
	}
	_, err = s.apply(ctx, now, mark{owner: s.options.Owner}, values, true)
	return err
}
