package awsemu

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// encode writes an answer in the form of the service's protocol.
func (s *Server) encode(q *request, p plan, result any, refusal *apiError) reply {
	out := reply{status: http.StatusOK, header: http.Header{}}
	var err error
	switch {
	case refusal != nil:
		out.status = refusal.status
		out.body, err = encodeError(q, refusal)
	case jsonService(q.service):
		out.body, err = encodeJSON(result)
	default:
		out.body, err = encodeXML(q, result)
	}
	if err != nil {
		out.status, out.body = http.StatusInternalServerError, nil
	}
	contentType := "text/xml"
	if jsonService(q.service) {
		contentType = "application/x-amz-json-1.1"
	}
	out.header.Set("Content-Type", contentType)
	out.header.Set("Content-Length", strconv.Itoa(len(out.body)))
	out.header.Set("X-Amzn-Requestid", q.id)
	if !p.noDate {
		out.header.Set("Date", s.Now().Format(http.TimeFormat))
	}
	return out
}

func namespace(service string) string {
	if service == sts {
		return "https://sts.amazonaws.com/doc/" + stsVersion + "/"
	}
	return "https://iam.amazonaws.com/doc/" + iamVersion + "/"
}

// metadata closes every answer of the query services.
type metadata struct {
	RequestID string `xml:"RequestId"`
}

func encodeXML(q *request, result any) ([]byte, error) {
	var b bytes.Buffer
	e := xml.NewEncoder(&b)
	outer := xml.StartElement{
		Name: xml.Name{Local: q.operation + "Response"},
		Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: namespace(q.service)}},
	}
	if err := e.EncodeToken(outer); err != nil {
		return nil, err
	}
	if result != nil {
		if err := e.EncodeElement(result, xml.StartElement{Name: xml.Name{Local: q.operation + "Result"}}); err != nil {
			return nil, err
		}
	}
	if err := e.EncodeElement(metadata{q.id}, xml.StartElement{Name: xml.Name{Local: "ResponseMetadata"}}); err != nil {
		return nil, err
	}
	if err := e.EncodeToken(outer.End()); err != nil {
		return nil, err
	}
	if err := e.Flush(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func encodeJSON(result any) ([]byte, error) {
	if result == nil {
		return []byte("{}"), nil
	}
	return json.Marshal(result)
}

// errorDocument is what the query services answer instead of a result.
type errorDocument struct {
	XMLName xml.Name `xml:"ErrorResponse"`
	Space   string   `xml:"xmlns,attr"`
	Error   struct {
		Type, Code, Message string
	}
	RequestID string `xml:"RequestId"`
}

func encodeError(q *request, refusal *apiError) ([]byte, error) {
	switch {
	case q.service == secretsManager && strings.HasSuffix(refusal.code, "Exception"):
		return json.Marshal(map[string]string{"__type": refusal.code, "Message": refusal.message})
	case jsonService(q.service):
		return json.Marshal(map[string]string{"__type": refusal.code, "message": refusal.message})
	}
	doc := errorDocument{Space: namespace(q.service), RequestID: q.id}
	doc.Error.Type, doc.Error.Code, doc.Error.Message = "Sender", refusal.code, refusal.message
	if refusal.status >= http.StatusInternalServerError {
		doc.Error.Type = "Receiver"
	}
	return xml.Marshal(doc)
}

// xmlTime is a date as the query services write it: whole seconds.
func xmlTime(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

// epoch is a date as the JSON services write it: seconds with a fraction of milliseconds.
func epoch(t time.Time) json.Number {
	return json.Number(strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64))
}
