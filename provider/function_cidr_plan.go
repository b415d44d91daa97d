package provider

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

func newCIDRPlan() function.Function { return cidrPlan{} }

// cidrPlan cuts a network for several clusters that must not overlap.
type cidrPlan struct{}

// Metadata implements function.Function.
func (cidrPlan) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "cidr_plan"
}

// Definition implements function.Function.
func (cidrPlan) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary:             "Cuts a network into one for each name",
		MarkdownDescription: "Gives each of `names` a network of `prefix` bits out of `cidr`, in their order, so that clusters that are to be connected do not overlap. Adding names at the end moves nobody.",
		Parameters: []function.Parameter{
			function.StringParameter{Name: "cidr", MarkdownDescription: "The whole network, such as `10.0.0.0/8`."},
			function.Int64Parameter{Name: "prefix", MarkdownDescription: "Bits of each part, such as `16`."},
			function.ListParameter{Name: "names", MarkdownDescription: "Whom they are for.", ElementType: types.StringType},
		},
		Return: function.MapReturn{ElementType: types.StringType},
	}
}

// Run implements function.Function.
func (cidrPlan) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var cidr string
	var prefix int64
	var names []string
	if resp.Error = req.Arguments.Get(ctx, &cidr, &prefix, &names); resp.Error != nil {
		return
	}
	whole, err := netip.ParsePrefix(cidr)
	if err != nil || whole.Masked() != whole || !whole.Addr().Is4() {
		resp.Error = function.NewArgumentFuncError(0, fmt.Sprintf("%q is not an IPv4 network such as 10.0.0.0/8", cidr))
		return
	}
	bits := int(prefix) - whole.Bits()
	if prefix > 28 || bits < 0 {
		resp.Error = function.NewArgumentFuncError(1, fmt.Sprintf("%d is not between %d, the whole, and 28", prefix, whole.Bits()))
		return
	}
	if len(names) > 1<<bits {
		resp.Error = function.NewArgumentFuncError(2, fmt.Sprintf("%s holds %d networks of /%d, and %d are asked for", cidr, 1<<bits, prefix, len(names)))
		return
	}
	out := map[string]attr.Value{}
	a := whole.Addr().As4()
	start := uint32(a[0])<<24 | uint32(a[1])<<16 | uint32(a[2])<<8 | uint32(a[3])
	for i, name := range names {
		if _, twice := out[name]; twice {
			resp.Error = function.NewArgumentFuncError(2, fmt.Sprintf("%q is there twice", name))
			return
		}
		n := start + uint32(i)<<(32-prefix)
		addr := netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		out[name] = types.StringValue(netip.PrefixFrom(addr, int(prefix)).String())
	}
	resp.Error = resp.Result.Set(ctx, types.MapValueMust(types.StringType, out))
}
