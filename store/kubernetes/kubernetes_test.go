package kubernetes_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/kubernetes"
	"github.com/keyrotator/keyrotator/store/kubernetes/apiserver"
)

func TestTypeLabelsAndOtherKeysAreKeptAndTheFieldsAreOurs(t *testing.T) {
	p := newPlace(t)
	p.make(t, `{"type": "example.com/aws", "metadata": {"labels": {"team": "ci"}, "annotations": {"note": "mine"}}, "data": {"REGION": "`+encoded("eu-west-1")+`"}}`)
	s := open(t, p.options(t))
	put(t, s, one)
	put(t, s, two)
	got := p.read(t)
	if got.Type != "example.com/aws" || got.Labels["team"] != "ci" || got.Annotations["note"] != "mine" || string(got.Data["REGION"]) != "eu-west-1" {
		t.Errorf("something else changed: type %q, labels %v, annotations %v, %d keys", got.Type, got.Labels, got.Annotations, len(got.Data))
	}
	if string(got.Data["AWS_ACCESS_KEY_ID"]) != two.KeyID() || string(got.Data["AWS_SECRET_ACCESS_KEY"]) != two.RevealSecret() {
		t.Error("the secret does not hold the credential")
	}
	for annotation, want := range map[string]string{
		"keyrotator.io/owner": owner, "keyrotator.io/key-id": two.KeyID(), "keyrotator.io/previous-key-id": one.KeyID(),
	} {
		if got.Annotations[annotation] != want {
			t.Errorf("annotation %s = %q, want %q", annotation, got.Annotations[annotation], want)
		}
	}
	managed := 0
	for _, m := range got.ManagedFields {
		fields := m.FieldsV1.GetRawString()
		if m.Manager == "keyrotator" && m.Operation == "Apply" && strings.Contains(fields, "f:AWS_SECRET_ACCESS_KEY") && !strings.Contains(fields, "f:REGION") {
			managed++
		}
	}
	if managed != 1 {
		t.Errorf("managed fields = %v", got.ManagedFields)
	}
	held, err := s.(store.Reader).Get(t.Context())
	if err != nil || held.Previous != one.KeyID() || held.Owner != owner {
		t.Errorf("get = owner %q, previous %q, %v", held.Owner, held.Previous, err)
	}
}

// The audit log is the witness: with permission for this one Secret alone, a
// whole life of it asks for nothing else, and is refused nothing.
func TestTheLeastPermissionsSufficeAndNothingElseIsAskedFor(t *testing.T) {
	for _, x := range []struct {
		name, rules string
		create      bool
	}{
		{"for a Secret that exists", minimal, false},
		{"for a Secret to create, whose name the permission names, too", creating, true},
	} {
		t.Run(x.name, func(t *testing.T) {
			p := newPlace(t)
			if !x.create {
				p.make(t, `{}`)
			}
			o := p.options(t)
			o.Create = x.create
			o, user := p.as(t, o, x.rules)
			s := open(t, o)
			for _, c := range []store.Credential{one, one, two} {
				if err := check(t, s); err != nil {
					t.Errorf("check: %v", err)
				}
				put(t, s, c)
				if _, err := s.(store.Reader).Get(t.Context()); err != nil {
					t.Errorf("get: %v", err)
				}
			}
			requests, err := shared.Cluster(t).Audit(t.Context(), user)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]int{}
			for _, r := range requests {
				seen[r.Verb+" "+r.Resource.Resource]++
				ours := r.Resource.Resource == "secrets" && r.Resource.Name == name && r.Resource.Namespace == p.namespace ||
					r.Resource.Resource == "selfsubjectaccessreviews"
				missing := x.create && r.Status.Code == http.StatusNotFound && r.Verb == "get"
				if !ours || r.Status.Code >= 300 && !missing || r.Agent != "keyrotator" {
					t.Errorf("the store asked for %s as %q", r, r.Agent)
				}
			}
			// One for each credential; and the check of what does not exist is a
			// dry run.
			if want := map[bool]int{false: 2, true: 3}[x.create]; seen["patch secrets"] != want {
				t.Errorf("the store wrote %d times, want %d", seen["patch secrets"], want)
			}
			if len(seen) != 3 || seen["get secrets"] == 0 || seen["patch secrets"] == 0 || seen["create selfsubjectaccessreviews"] == 0 {
				t.Errorf("the audit log has %v", seen)
			}
		})
	}
}

func TestACheckNamesEachMissingPermission(t *testing.T) {
	for _, x := range []struct {
		name, rules string
		exists      bool
		create      bool
		want        []string
		not         string
	}{
		{"nothing is allowed", `[]`, true, true, []string{"get secrets aws-credentials in namespace", "patch secrets aws-credentials", "create secrets aws-credentials", "verbs: [get, patch, create]"}, "list"},
		{"another secret is allowed", `[{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["other"], "verbs": ["get", "patch"]}]`, true, false, []string{"get secrets", "patch secrets", "resourceNames: [aws-credentials], verbs: [get, patch]"}, "create"},
		{"reading is allowed", `[{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}]`, true, false, []string{"patch secrets aws-credentials", "verbs: [patch]"}, "get secrets"},
		{"creating is not", minimal, false, true, []string{"create secrets aws-credentials", "verbs: [create]"}, "get secrets"},
	} {
		t.Run(x.name, func(t *testing.T) {
			p := newPlace(t)
			if x.exists {
				p.make(t, `{}`)
			}
			o := p.options(t)
			o.Create = x.create
			o, _ = p.as(t, o, x.rules)
			err := check(t, open(t, o))
			if !errors.Is(err, store.ErrDenied) {
				t.Fatalf("check: %v, want ErrDenied", err)
			}
			for _, want := range x.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("check: %v, want %q in it", err, want)
				}
			}
			if strings.Contains(err.Error(), x.not) {
				t.Errorf("check: %v, want no %q in it", err, x.not)
			}
			before := p.read(t).ResourceVersion
			if _, err := open(t, o).Put(t.Context(), one); !errors.Is(err, store.ErrDenied) || !strings.Contains(err.Error(), "user system:serviceaccount:") {
				t.Errorf("put: %v, want ErrDenied and the user", err)
			}
			if p.read(t).ResourceVersion != before {
				t.Error("a denied put wrote")
			}
		})
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	p := newPlace(t)
	o := p.options(t)
	for _, do := range []func(store.Store) error{
		func(s store.Store) error { return check(t, s) },
		func(s store.Store) error { _, err := s.Put(t.Context(), one); return err },
	} {
		if err := do(open(t, o)); err == nil || errors.Is(err, store.ErrEmpty) || !strings.Contains(err.Error(), "create it, or set create") {
			t.Errorf("without the secret: %v", err)
		}
	}
	o.Namespace, o.Create = "nowhere", true
	for _, do := range []func(store.Store) error{
		func(s store.Store) error { return check(t, s) },
		func(s store.Store) error { _, err := s.Put(t.Context(), one); return err },
	} {
		if err := do(open(t, o)); err == nil || !strings.Contains(err.Error(), "namespace nowhere does not exist; create it") {
			t.Errorf("without the namespace: %v", err)
		}
	}
}

func TestAnImmutableSecretIsRefusedWithWhatToDo(t *testing.T) {
	p := newPlace(t)
	p.make(t, `{"immutable": true, "data": {"A": ""}}`)
	s := open(t, p.options(t))
	_, err := s.Put(t.Context(), one)
	for _, err := range []error{err, check(t, s)} {
		if !errors.Is(err, store.ErrDenied) || !strings.Contains(err.Error(), "make another one without immutable: true") {
			t.Errorf("an immutable secret: %v", err)
		}
	}
	if p.read(t).Data["AWS_ACCESS_KEY_ID"] != nil {
		t.Error("it was written")
	}
}

func TestASecretThatOthersKeepIsRefusedByName(t *testing.T) {
	const owned = `{"metadata": {"ownerReferences": [{"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "name": "sealed-aws", "uid": "1"}]}}`
	tests := []struct{ name, manifest, want string }{
		{"Argo CD by its annotation", annotated("argocd.argoproj.io/tracking-id", "ci-app:/Secret:ci/aws"), "Argo CD (annotation argocd.argoproj.io/tracking-id: ci-app:/Secret:ci/aws)"},
		{"Argo CD by its label", labelled("argocd.argoproj.io/instance", "ci-app"), "Argo CD (label argocd.argoproj.io/instance: ci-app)"},
		{"Flux", labelled("kustomize.toolkit.fluxcd.io/name", "apps"), "Flux (Kustomization) (label kustomize.toolkit.fluxcd.io/name: apps)"},
		{"Flux and Helm", labelled("helm.toolkit.fluxcd.io/name", "runner"), "Flux (HelmRelease)"},
		{"Helm by its annotation", annotated("meta.helm.sh/release-name", "runner"), "Helm (annotation meta.helm.sh/release-name: runner)"},
		{"Helm by its label", labelled("app.kubernetes.io/managed-by", "Helm"), "Helm (label app.kubernetes.io/managed-by: Helm)"},
		{"Vault Secrets Operator", labelled("app.kubernetes.io/managed-by", "hashicorp-vso"), "Vault Secrets Operator"},
		{"External Secrets by its label", labelled("reconcile.external-secrets.io/managed", "true"), "External Secrets"},
		{"External Secrets by its other label", labelled("reconcile.external-secrets.io/created-by", "f00"), "External Secrets"},
		{"External Secrets by its annotation", annotated("reconcile.external-secrets.io/data-hash", "f00"), "External Secrets"},
		{"Sealed Secrets may write", annotated("sealedsecrets.bitnami.com/managed", "true"), "Sealed Secrets"},
		{"Sealed Secrets may patch", annotated("sealedsecrets.bitnami.com/patch", "true"), "Sealed Secrets"},
		{"Secrets Store CSI driver", labelled("secrets-store.csi.k8s.io/managed", "true"), "the Secrets Store CSI driver"},
		{"Config Sync", annotated("configmanagement.gke.io/managed", "enabled"), "Config Sync"},
		{"an owner", owned, "SealedSecret sealed-aws (its owner reference)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t)
			p.make(t, tt.manifest)
			p.refuses(t, tt.want)
		})
	}
	t.Run("External Secrets by the fields it manages", func(t *testing.T) {
		p := newPlace(t)
		p.make(t, `{}`)
		shared.Do(t, http.MethodPatch, p.path+"/"+name+"?fieldManager=externalsecrets.external-secrets.io/aws", `{"data": {"OTHER": ""}}`, nil)
		p.refuses(t, "External Secrets (ExternalSecret aws manages fields of it)")
	})
	t.Run("one that was ours before", func(t *testing.T) {
		p := newPlace(t)
		p.make(t, `{}`)
		put(t, open(t, p.options(t)), one)
		p.patch(t, annotated("argocd.argoproj.io/tracking-id", "late"))
		p.refuses(t, "Argo CD")
	})
	t.Run("signs that say nothing are none", func(t *testing.T) {
		p := newPlace(t)
		p.make(t, `{"metadata": {"labels": {"app.kubernetes.io/instance": "runner", "app.kubernetes.io/managed-by": "us", "secrets-store.csi.k8s.io/managed": "false"}}}`)
		put(t, open(t, p.options(t)), one)
	})
}

// refuses checks that neither adopt nor create helps against a keeper, whom the
// refusal names, and that nothing is written.
func (p place) refuses(t *testing.T, want string) {
	t.Helper()
	before := p.read(t).ResourceVersion
	o := p.options(t)
	o.Adopt, o.Create = true, true
	s := open(t, o)
	_, err := s.Put(t.Context(), two)
	for _, err := range []error{err, check(t, s)} {
		if !errors.Is(err, store.ErrForeign) || !strings.Contains(err.Error(), "it is kept by "+want) {
			t.Errorf("%v, want ErrForeign that names %s", err, want)
		}
	}
	if p.read(t).ResourceVersion != before {
		t.Error("it was written")
	}
}

func labelled(key, value string) string {
	return fmt.Sprintf(`{"metadata": {"labels": {%q: %q}}}`, key, value)
}

func annotated(key, value string) string {
	return fmt.Sprintf(`{"metadata": {"annotations": {%q: %q}}}`, key, value)
}

func TestAKeyThatAPersonPutsThereIsNotOurs(t *testing.T) {
	p := newPlace(t)
	p.make(t, `{}`)
	s := open(t, p.options(t))
	put(t, s, one)
	p.patch(t, `{"data": {"AWS_ACCESS_KEY_ID": "`+encoded("AKIAPERSON")+`"}}`)
	if _, err := s.Put(t.Context(), two); !errors.Is(err, store.ErrForeign) || !strings.Contains(err.Error(), "AKIAPERSON") {
		t.Errorf("put over a person's key: %v", err)
	}
	if held, err := s.(store.Reader).Get(t.Context()); err != nil || held.Owner != "" {
		t.Errorf("a person's key is marked as that of %q, %v", held.Owner, err)
	}
	// A secret that no longer belongs to its id is a damage that we repair.
	p.patch(t, `{"data": {"AWS_ACCESS_KEY_ID": "`+encoded(one.KeyID())+`", "AWS_SECRET_ACCESS_KEY": "`+encoded("canary-damaged")+`"}}`)
	if receipt := put(t, s, one); !receipt.Changed {
		t.Error("a damaged secret was left alone")
	}
}

func TestANameTakenOutOfTheConfigurationDisappears(t *testing.T) {
	p := newPlace(t)
	p.make(t, `{}`)
	put(t, open(t, p.options(t)), one)
	o := p.options(t)
	variables, err := store.NewVariables(store.Names{KeyID: "ID", Secret: "SECRET"})
	if err != nil {
		t.Fatal(err)
	}
	o.Variables = variables
	put(t, open(t, o), two)
	got := p.read(t)
	if got.Data["AWS_SECRET_ACCESS_KEY"] != nil || string(got.Data["ID"]) != two.KeyID() {
		t.Errorf("the secret has the keys %d", len(got.Data))
	}
}

func TestEveryClusterHasLocationsOfItsOwn(t *testing.T) {
	variables, err := store.NewVariables(store.Names{KeyID: "ID", Secret: "SECRET"})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range []apiserver.Cluster{{}, {Kubeconfig: "/a"}, {Kubeconfig: "/b"}, {Kubeconfig: "/a", Context: "x"}, {Kubeconfig: "/a", Context: "y"}} {
		s := open(t, kubernetes.Options{Cluster: c, Namespace: "ci", Secret: "aws", Variables: variables, Owner: owner})
		all = append(all, s.Describe().Location)
		if got := fmt.Sprint(s); got != s.Describe().String() {
			t.Errorf("printed as %q", got)
		}
	}
	if all[0] != "ci/aws" || len(slices.Compact(slices.Sorted(slices.Values(all)))) != len(all) {
		t.Errorf("locations = %q", all)
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	variables, err1 := store.NewVariables(store.Names{KeyID: "ID", Secret: "SECRET"})
	payload, err2 := store.JSON(store.Names{})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]kubernetes.Options{
		"no namespace":          {Secret: "x", Owner: owner, Variables: variables},
		"no secret":             {Namespace: "x", Owner: owner, Variables: variables},
		"no owner":              {Namespace: "x", Secret: "x", Variables: variables},
		"no content":            {Namespace: "x", Secret: "x", Owner: owner},
		"two kinds of content":  {Namespace: "x", Secret: "x", Owner: owner, Variables: variables, Key: "x", Payload: payload},
		"a key without a shape": {Namespace: "x", Secret: "x", Owner: owner, Key: "x"},
		"a shape without a key": {Namespace: "x", Secret: "x", Owner: owner, Variables: variables, Payload: payload},
	} {
		if _, err := kubernetes.New(o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
