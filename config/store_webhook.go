package config

// Webhook is a receiver of the operator's own that writes the credential to
// wherever it belongs.
type Webhook struct {
	Hook     `yaml:",inline"`
	CheckURL string `yaml:"check_url" doc:"Asked by a signed GET, before a key is made, whether a write would be taken. Without it url is asked by OPTIONS."`
	Format   string `yaml:"format" jsonschema:"default=json,enum=json,enum=dotenv,enum=credentials,enum=template" doc:"What is sent as payload: a JSON object, or as text dotenv lines, an AWS credentials file, or a template."`
	Profile  string `yaml:"profile" jsonschema:"default=default" doc:"The profile written, for format credentials only."`
	Shape    `yaml:",inline"`
	Adopt    bool `yaml:"adopt" doc:"Tell the receiver to take over a place that holds what keyrotator did not write."`

	user string
}

func (w *Webhook) complete(_ *Config, u User) {
	w.user = u.User
	w.Shape.complete(w.Format)
}

// location has the user, because one receiver may serve many and is told whose
// credential it gets.
func (w *Webhook) location() string { return w.URL + "#" + w.user }

// holdsSecret is false: a receiver is never read back.
func (*Webhook) holdsSecret() bool { return false }

func (w *Webhook) check(c *checker, path string) {
	c.hook(path, w.Hook)
	c.plainURL(path+".check_url", w.CheckURL)
	c.profile(path, w.Format, w.Profile)
	c.shape(path, w.Format, w.Shape)
}
