package wire_test

import (
	"encoding/xml"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api/wire"
	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
	"github.com/clusterform/clusterform/internal/lab/api/wire/elbv2"
	"github.com/clusterform/clusterform/internal/lab/api/wire/ssm"
)

func decode(t testing.TB, body string, into any) error {
	t.Helper()
	q, err := wire.ParseQuery([]byte(body))
	if err != nil {
		return err
	}
	return new(wire.Codec).Decode(q, into)
}

func TestDecodeEC2(t *testing.T) {
	t.Parallel()
	in := new(ec2.RunInstancesRequest)
	body := url.Values{
		"Action": {"RunInstances"}, "Version": {"2016-11-15"}, "MinCount": {"1"}, "MaxCount": {"3"}, "SecurityGroupId.1": {"sg-1"}, "SecurityGroupId.2": {"sg-2"},
		"BlockDeviceMapping.1.Ebs.VolumeSize": {"20"}, "BlockDeviceMapping.1.DeviceName": {"/dev/xvda"},
		"TagSpecification.1.ResourceType": {"instance"}, "TagSpecification.1.Tag.1.Key": {"k"}, "TagSpecification.1.Tag.1.Value": {"a b&c"}, "EbsOptimized": {"true"},
	}.Encode()
	if err := decode(t, body, in); err != nil {
		t.Fatal(err)
	}
	want := &ec2.RunInstancesRequest{
		MinCount: new(int64(1)), MaxCount: new(int64(3)), SecurityGroupIds: []string{"sg-1", "sg-2"}, EbsOptimized: new(true),
		BlockDeviceMappings: []ec2.BlockDeviceMapping{{DeviceName: "/dev/xvda", Ebs: &ec2.EbsBlockDevice{VolumeSize: new(int64(20))}}},
		TagSpecifications:   []ec2.TagSpecification{{ResourceType: "instance", Tags: []ec2.Tag{{Key: "k", Value: "a b&c"}}}},
	}
	if !reflect.DeepEqual(in, want) {
		t.Errorf("decoded\n%+v\nwant\n%+v", in, want)
	}
}

func TestDecodeMemberLists(t *testing.T) {
	t.Parallel()
	in := new(elbv2.RegisterTargetsInput)
	if err := decode(t, "TargetGroupArn=arn&Targets.member.1.Id=i-1&Targets.member.2.Id=i-2&Targets.member.2.Port=80", in); err != nil {
		t.Fatal(err)
	}
	if len(in.Targets) != 2 || in.Targets[1].Id != "i-2" || *in.Targets[1].Port != 80 {
		t.Errorf("%+v", in.Targets)
	}
}

func TestDecodeErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body string
		problem    wire.Problem
		param      string
	}{
		{"missing", "MinCount=1", wire.Missing, "MaxCount"},
		{"not a number", "MinCount=1&MaxCount=x", wire.Invalid, "MaxCount"},
		{"a struct where a value is expected", "MinCount=1&MaxCount.1=1", wire.Invalid, "MaxCount"},
		{"unknown", "MinCount=1&MaxCount=1&Nonsense=1", wire.Unknown, "Nonsense"},
		{"unknown within", "MinCount=1&MaxCount=1&Placement.Nonsense=1", wire.Unknown, "Placement.Nonsense"},
		{"a list with a gap", "MinCount=1&MaxCount=1&SecurityGroupId.1=a&SecurityGroupId.3=b", wire.Unknown, "SecurityGroupId.3"},
		{"twice", "MinCount=1&MinCount=2&MaxCount=1", wire.Malformed, ""},
		{"not UTF-8", "MinCount=1&MaxCount=%ff", wire.Malformed, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := decode(t, c.body, new(ec2.RunInstancesRequest))
			p, ok := errors.AsType[*wire.ParamError](err)
			if !ok || p.Problem != c.problem || p.Name != c.param {
				t.Errorf("%+v, want problem %d with %q", err, c.problem, c.param)
			}
		})
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	out := &ec2.DescribeVolumesResult{Volumes: []ec2.Volume{{VolumeId: "vol-1", CreateTime: &at, Encrypted: new(false), Tags: []ec2.Tag{{Key: "<k>", Value: ""}}, Attachments: []ec2.VolumeAttachment{}}}}
	got := string(new(wire.Codec).AppendEC2(nil, "DescribeVolumes", "urn:x", "req", out))
	want := xml.Header + `<DescribeVolumesResponse xmlns="urn:x"><requestId>req</requestId><volumeSet><item><attachmentSet></attachmentSet>` +
		`<createTime>2026-01-02T03:04:05.006Z</createTime><encrypted>false</encrypted><tagSet><item><key>&lt;k&gt;</key><value></value></item></tagSet>` +
		`<volumeId>vol-1</volumeId></item></volumeSet></DescribeVolumesResponse>`
	if strings.ReplaceAll(got, "\n", "") != strings.ReplaceAll(want, "\n", "") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestJSONThereAndBack(t *testing.T) {
	t.Parallel()
	c := new(wire.Codec)
	at := time.Unix(1767323045, 123e6).UTC()
	out := &ssm.GetParameterResult{Parameter: &ssm.Parameter{Name: "/a\"b", Value: "\u2028<&>\x01", Version: new(int64(1 << 40)), LastModifiedDate: &at}}
	back := new(ssm.GetParameterResult)
	raw := c.AppendJSON(nil, out)
	if err := c.DecodeJSON(raw, back); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	if !reflect.DeepEqual(out, back) {
		t.Errorf("%s became %+v", raw, back.Parameter)
	}
}

// FuzzDecode feeds the decoder with anything: it must give a value or a *ParamError, quickly, and what it gives must
// encode as well-formed XML.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"", "Action=RunInstances&MinCount=1&MaxCount=1", "MinCount=1&MaxCount=9&TagSpecification.1.Tag.1.Key=a", "a.b.c.d.e.f.g.h.i.j.k.l.m.n=1", "%", "%zz=1", "=&=&=",
		"Filter.1.Value.99999999999999999999=x", "MaxCount=1e3", "Placement=1&Placement.Tenancy=x", strings.Repeat("a.1.", 40) + "=x", "MinCount=%00", "UserData=" + strings.Repeat("A", 4096),
		"NetworkInterface.1.PrivateIpAddresses.1.Primary=TRUE&MinCount=1&MaxCount=1", "BlockDeviceMapping.0.DeviceName=x", "MinCount.MaxCount.=.", "&&&;;;",
	} {
		f.Add(s)
	}
	c := new(wire.Codec)
	f.Fuzz(func(t *testing.T, body string) {
		q, err := wire.ParseQuery([]byte(body))
		if err != nil {
			if _, ok := errors.AsType[*wire.ParamError](err); !ok {
				t.Fatalf("parse: %T %v", err, err)
			}
			return
		}
		in := new(ec2.RunInstancesRequest)
		if err := c.Decode(q, in); err != nil {
			if _, ok := errors.AsType[*wire.ParamError](err); !ok {
				t.Fatalf("decode: %T %v", err, err)
			}
		}
		d := xml.NewDecoder(strings.NewReader(string(c.AppendEC2(nil, "X", "urn:x", "r", in))))
		for {
			if _, err := d.Token(); err != nil {
				if err.Error() != "EOF" {
					t.Fatalf("the answer is not well-formed: %v", err)
				}
				break
			}
		}
	})
}

// FuzzDecodeJSON does the same for JSON 1.1.
func FuzzDecodeJSON(f *testing.F) {
	for _, s := range []string{"", "{}", `{"Name":"/a"}`, `{"Name":null}`, `{"Name":[]}`, `[[[[`, `{"Tags":[{"Key":"a"}]}`, `{"Overwrite":"yes"}`, "\xff", `{"Name":"\ud800"}`} {
		f.Add(s)
	}
	c := new(wire.Codec)
	f.Fuzz(func(t *testing.T, body string) {
		in := new(ssm.PutParameterRequest)
		if err := c.DecodeJSON([]byte(body), in); err != nil {
			if _, ok := errors.AsType[*wire.ParamError](err); !ok {
				t.Fatalf("%T %v", err, err)
			}
		}
	})
}
