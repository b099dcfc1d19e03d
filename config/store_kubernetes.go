package config

// Kubernetes is a Secret of a Kubernetes cluster.
type Kubernetes struct {
	Namespace string `yaml:"namespace" jsonschema:"required" doc:"The Secret's namespace."`
	Secret    string `yaml:"secret" jsonschema:"required" doc:"The Secret's name. Its type, labels and other keys are kept."`
	Cluster   `yaml:",inline"`
	Key       string `yaml:"key" doc:"Write one data key of this name, which holds the whole credential in the given format, instead of one for each field."`
	Format    string `yaml:"format" jsonschema:"enum=json,enum=dotenv,enum=credentials,enum=template" doc:"What the one key holds: a JSON document (the default), of which fields that are not ours are kept; dotenv lines; an AWS credentials file; or a template. For key only."`
	Profile   string `yaml:"profile" jsonschema:"default=default" doc:"The profile written, for format credentials only."`
	Shape     `yaml:",inline"`
	Adopt     bool `yaml:"adopt" doc:"Take over a Secret that exists and was not made by keyrotator. One that holds a key which is not this user's, or that another tool keeps, is refused all the same."`
	Create    bool `yaml:"create" doc:"Create the Secret when it does not exist. It needs the permission to create, beside get and patch."`
}

func (k *Kubernetes) complete(*Config, User) {
	if k.Key != "" && k.Format == "" {
		k.Format = FormatJSON
	}
	k.Shape.complete(k.shapeFormat())
}

// shapeFormat is the format that the fields go by. Data keys of their own have
// the names of a document's fields.
func (k *Kubernetes) shapeFormat() string {
	if k.Key == "" {
		return FormatJSON
	}
	return k.Format
}

func (k *Kubernetes) location() string { return k.Cluster.at(k.Namespace + "/" + k.Secret) }

func (k *Kubernetes) holdsSecret() bool { return holdsSecret(k.shapeFormat(), k.Shape) }

func (k *Kubernetes) check(c *checker, path string) {
	c.match(path+".namespace", k.Namespace, clusterLabel, "a namespace's name (lower case letters, digits and hyphens, 63 at most)")
	c.subdomain(path+".secret", k.Secret, "a Secret's name (lower case letters, digits, hyphens and dots)")
	c.cluster(path, k.Cluster)
	const dataKey = "a Secret's data key (letters, digits, dot, hyphen, underscore; 253 at most)"
	if at := path + ".key"; c.given(at) {
		if c.match(at, k.Key, secretDataKey, dataKey) {
			c.profile(path, k.Format, k.Profile)
			c.shape(path, k.Format, k.Shape)
		}
		return
	}
	for _, name := range []string{"format", "profile", "template"} {
		if at := path + "." + name; c.given(at) {
			c.failKey(at, "has no use without key", "add key: NAME to write one data key that holds the whole credential")
		}
	}
	c.fields(path, FormatJSON, k.Shape)
	if at := path + ".ses_region"; c.given(at) {
		c.match(at, k.SESRegion, regionName, "a Region such as eu-west-1")
	}
	for _, f := range []struct{ name, value string }{
		{"key_id", k.Fields.KeyID}, {"secret", k.Fields.Secret}, {"smtp_user", k.Fields.SMTPUser}, {"smtp_password", k.Fields.SMTPPassword},
	} {
		if at := path + ".fields." + f.name; f.value != "" {
			c.match(at, f.value, secretDataKey, dataKey)
		}
	}
}
