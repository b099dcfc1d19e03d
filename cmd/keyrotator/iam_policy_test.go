package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/keyrotator/keyrotator/rotator"
)

const iamExamples = "../../examples/iam/"

// notCalled are actions of the policy that no call of this program's is named
// after: AWS asks for them on the way.
var notCalled = map[string]string{
	"kms:Decrypt":         "a secret or parameter with a KMS key of its own is read",
	"kms:Encrypt":         "a parameter of the tier standard is written",
	"kms:GenerateDataKey": "a secret, or a parameter of the tier advanced, is written",
}

// notGranted are calls that need no permission of the role.
var notGranted = map[string]string{
	"sts:GetCallerIdentity": "AWS allows it to everybody",
}

// policyDocument is an IAM policy document, of which an action may be one or several.
type policyDocument struct {
	Version   string
	Statement []struct {
		Sid, Effect string
		Action      any
		Resource    any
		Condition   map[string]map[string]any
		Principal   map[string]any
	}
}

func readPolicy(t *testing.T, name string) policyDocument {
	t.Helper()
	text, err := os.ReadFile(iamExamples + name)
	if err != nil {
		t.Fatal(err)
	}
	var p policyDocument
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return p
}

var action = regexp.MustCompile(`^[a-z]+:[A-Z][A-Za-z]+$`)

// actions are all strings of a document that are actions, each once, in order.
func actions(documents ...any) []string {
	found := map[string]bool{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if action.MatchString(v) {
				found[v] = true
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	for _, d := range documents {
		walk(d)
	}
	return slices.Sorted(maps.Keys(found))
}

// granted are the actions of the permissions of the role, each once, in order.
func granted(t *testing.T) []string {
	t.Helper()
	var all []any
	for _, s := range readPolicy(t, "permissions.json").Statement {
		all = append(all, s.Action)
	}
	return actions(all...)
}

// callable are the actions of the policy that are calls, and the calls that need
// no permission.
func callable(t *testing.T) []string {
	t.Helper()
	calls := slices.DeleteFunc(granted(t), func(a string) bool { return notCalled[a] != "" })
	calls = append(calls, slices.Collect(maps.Keys(notGranted))...)
	slices.Sort(calls)
	return calls
}

func TestTheLeastPolicyIsWhatAWholeCycleCallsAndNothingElse(t *testing.T) {
	w := newWorld(t)
	w.user(t, "ci")
	text := w.configText(fastPolicy) + `schedule: {sweep: "@every 1s"}
users:
  - user: emu/ci
    consumers:
      - store: {secretsmanager: {secret: ci, adopt: true}}
      - store: {secretsmanager: {secret: made-for-ci, create: true}}
      - store: {ssm: {path: /ci, create: true}}
`
	cfg := w.write(t, text)
	options := w.options(t)
	w.start(t, cfg, options)
	w.seen.await(t, "deletion of the old key", entry("ci", rotator.KindDone, rotator.VerbDelete))
	w.seen.await(t, "sweep", func(e rotator.Event) bool { return e.Kind == rotator.EventSwept && e.Err == nil })
	if err := (&checkReport{}).lookAtAWS(t.Context(), cfg, options.reach); err != nil {
		t.Fatal(err)
	}
	called := map[string]bool{}
	for c := range w.emu.Counts() {
		called[c.Service+":"+c.Operation] = true
	}
	if got, want := slices.Sorted(maps.Keys(called)), callable(t); !slices.Equal(got, want) {
		t.Errorf("called are  %q,\nthe policy has %q", got, want)
	}
}

// What a cycle without faults calls might not be all that the program can call:
// every request to AWS in its source is looked at, too.
func TestTheLeastPolicyHasEveryCallThatTheSourceCanMake(t *testing.T) {
	found := map[string]bool{}
	for folder, service := range map[string]string{
		"rotator/iamkeys": "iam", "rotator/account": "iam", "rotator/seal": "kms",
		"store/secretsmanager": "secretsmanager", "store/ssm": "ssm",
	} {
		files, err := filepath.Glob(filepath.Join("..", "..", folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has %d files, %v", folder, len(files), err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				request, isOne := n.(*ast.SelectorExpr)
				if !isOne {
					return true
				}
				operation, isInput := strings.CutSuffix(request.Sel.Name, "Input")
				of, isPackage := request.X.(*ast.Ident)
				switch {
				case !isInput || !isPackage || of.Name == "middleware":
				case of.Name == "sts":
					found["sts:"+operation] = true
				default:
					found[service+":"+operation] = true
				}
				return true
			})
		}
	}
	if got, want := slices.Sorted(maps.Keys(found)), callable(t); !slices.Equal(got, want) {
		t.Errorf("the source can call %q,\nthe policy has    %q", got, want)
	}
}

func TestTheLeastPolicyNamesNoWildcardWhereAResourceCanBeNamed(t *testing.T) {
	everywhere := []string{"iam:GenerateCredentialReport", "iam:GetCredentialReport"} // they are of the account
	for _, s := range readPolicy(t, "permissions.json").Statement {
		if s.Resource == "*" && !slices.Equal(actions(s.Action), everywhere) {
			t.Errorf("%s is allowed on everything", s.Sid)
		}
		if s.Effect != "Allow" || s.Sid == "" {
			t.Errorf("%+v", s)
		}
	}
}

func TestTheSnippetsGrantWhatThePolicyGrants(t *testing.T) {
	trusted := []string{"sts:AssumeRole", "sts:TagSession"}
	want := append(granted(t), trusted...)
	slices.Sort(want)
	for name, read := range map[string]func(*testing.T, string) []string{
		"member-role.tf": terraformActions, "member-role.cloudformation.yaml": templateActions,
	} {
		if got := read(t, iamExamples+name); !slices.Equal(got, want) {
			t.Errorf("%s has %q,\nwant %q", name, got, want)
		}
	}
	for name, want := range map[string][]string{
		"trust.json": trusted, "assume.json": trusted, "trust-pod-identity.json": trusted,
		"trust-irsa.json": {"sts:AssumeRoleWithWebIdentity"},
	} {
		var all []any
		for _, s := range readPolicy(t, name).Statement {
			all = append(all, s.Action)
		}
		if got := actions(all...); !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", name, got, want)
		}
	}
}

// terraformActions reads a file of Terraform as Terraform does, without what its
// provider knows.
func terraformActions(t *testing.T, path string) []string {
	t.Helper()
	file, problems := hclparse.NewParser().ParseHCLFile(path)
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		t.Fatalf("%s is not HCL", path)
	}
	var found []any
	problems = hclsyntax.VisitAll(body, func(n hclsyntax.Node) hcl.Diagnostics {
		list, isOne := n.(*hclsyntax.Attribute)
		if !isOne || list.Name != "actions" {
			return nil
		}
		value, problems := list.Expr.Value(nil)
		for _, a := range value.AsValueSlice() {
			found = append(found, a.AsString())
		}
		return problems
	})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	return actions(found...)
}

func templateActions(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var template map[string]any
	if err := yaml.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	if sections, want := slices.Sorted(maps.Keys(template)), []string{"AWSTemplateFormatVersion", "Description", "Outputs", "Parameters", "Resources"}; !slices.Equal(sections, want) {
		t.Errorf("%s has the sections %q, want %q", path, sections, want)
	}
	return actions(template["Resources"])
}

func TestTheGuideExplainsEveryActionOfThePolicy(t *testing.T) {
	page, err := os.ReadFile("../../docs/operating/iam.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range granted(t) {
		if !strings.Contains(string(page), "| `"+a+"`") {
			t.Errorf("docs/operating/iam.md has no row for %s", a)
		}
	}
}
