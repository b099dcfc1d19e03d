package config

// The forms a credential is written in.
const (
	FormatJSON        = "json"
	FormatDotenv      = "dotenv"
	FormatCredentials = "credentials"
	FormatTemplate    = "template"
)

// Shape is what every kind that holds text can be told about it.
type Shape struct {
	Fields    Fields `yaml:"fields" doc:"The names of the values, for the formats json and dotenv."`
	Template  string `yaml:"template" doc:"The whole text as a Go template, for format template. Write a literal ${ as $${."`
	SESRegion string `yaml:"ses_region" doc:"Derive the Amazon SES SMTP user and password for this Region. With it, key_id and secret are written only when fields names them."`
}

// Fields names the values of a document. An empty name leaves the value out;
// Parse fills in the names that apply.
type Fields struct {
	KeyID        string `yaml:"key_id" doc:"Name of the access key id; AWS_ACCESS_KEY_ID unless ses_region is set."`
	Secret       string `yaml:"secret" doc:"Name of the secret access key; AWS_SECRET_ACCESS_KEY unless ses_region is set."`
	SMTPUser     string `yaml:"smtp_user" doc:"Name of the SES SMTP user; SMTP_USERNAME when ses_region is set."`
	SMTPPassword string `yaml:"smtp_password" doc:"Name of the SES SMTP password; SMTP_PASSWORD when ses_region is set."`
}

// complete names the fields of a document. With ses_region the access key
// itself is written only where it was asked for.
func (s *Shape) complete(format string) {
	if format != FormatJSON && format != FormatDotenv {
		return
	}
	f := &s.Fields
	if s.SESRegion != "" {
		if f.SMTPUser == "" {
			f.SMTPUser = "SMTP_USERNAME"
		}
		if f.SMTPPassword == "" {
			f.SMTPPassword = "SMTP_PASSWORD"
		}
		return
	}
	if f.KeyID == "" {
		f.KeyID = "AWS_ACCESS_KEY_ID"
	}
	if f.Secret == "" {
		f.Secret = "AWS_SECRET_ACCESS_KEY"
	}
}

func holdsSecret(format string, shape Shape) bool {
	switch format {
	case FormatCredentials:
		return true
	case FormatJSON, FormatDotenv:
		return shape.Fields.KeyID != "" && shape.Fields.Secret != ""
	}
	return false
}
