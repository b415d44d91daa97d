package function

import (
	"fmt"
	"math/big"
	"net"

	"github.com/apparentlymart/go-cidr/cidr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

func network() []Entry {
	return []Entry{
		{"cidrhost", Network, "cidrhost(prefix, hostnum)", "An address in a network; negative numbers count from its end.", "cidrhost(\"10.0.0.0/16\", 5) → \"10.0.0.5\"", is(cidrHost)},
		{"cidrnetmask", Network, "cidrnetmask(prefix)", "The netmask of an IPv4 network.", "cidrnetmask(\"10.0.0.0/12\") → \"255.240.0.0\"", is(cidrNetmask)},
		{"cidrsubnet", Network, "cidrsubnet(prefix, newbits, netnum)", "A network within a network, longer by newbits.", "cidrsubnet(\"10.0.0.0/16\", 8, 2) → \"10.0.2.0/24\"", is(cidrSubnet)},
		{"cidrsubnets", Network, "cidrsubnets(prefix, newbits...)", "Networks within a network, one after the other.", "cidrsubnets(\"10.0.0.0/16\", 8, 8) → [\"10.0.0.0/24\", \"10.0.1.0/24\"]", is(cidrSubnets)},
	}
}

func prefixParam() function.Parameter { return function.Parameter{Name: "prefix", Type: cty.String} }

func parsePrefix(v cty.Value) (*net.IPNet, error) {
	_, network, err := net.ParseCIDR(v.AsString())
	if err != nil {
		return nil, function.NewArgErrorf(0, "%q is not a CIDR block such as \"10.0.0.0/16\"", v.AsString())
	}
	return network, nil
}

func wholeNumber(v cty.Value, arg int) (*big.Int, error) {
	n, acc := v.AsBigFloat().Int(nil)
	if acc != big.Exact || n == nil {
		return nil, function.NewArgErrorf(arg, "a whole number is needed")
	}
	return n, nil
}

var cidrHost = function.New(&function.Spec{
	Params: []function.Parameter{prefixParam(), {Name: "hostnum", Type: cty.Number}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		network, err := parsePrefix(args[0])
		if err != nil {
			return cty.NilVal, err
		}
		n, err := wholeNumber(args[1], 1)
		if err != nil {
			return cty.NilVal, err
		}
		ip, err := cidr.HostBig(network, n)
		if err != nil {
			return cty.NilVal, fmt.Errorf("%s has no address number %s", network, n)
		}
		return cty.StringVal(ip.String()), nil
	},
})

var cidrNetmask = function.New(&function.Spec{
	Params: []function.Parameter{prefixParam()},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		network, err := parsePrefix(args[0])
		if err != nil {
			return cty.NilVal, err
		}
		if network.IP.To4() == nil {
			return cty.NilVal, function.NewArgErrorf(0, "IPv6 networks have no netmask")
		}
		return cty.StringVal(net.IP(network.Mask).String()), nil
	},
})

var cidrSubnet = function.New(&function.Spec{
	Params: []function.Parameter{prefixParam(), {Name: "newbits", Type: cty.Number}, {Name: "netnum", Type: cty.Number}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		network, err := parsePrefix(args[0])
		if err != nil {
			return cty.NilVal, err
		}
		bits, err := wholeNumber(args[1], 1)
		if err != nil {
			return cty.NilVal, err
		}
		n, err := wholeNumber(args[2], 2)
		if err != nil {
			return cty.NilVal, err
		}
		if !bits.IsInt64() || bits.Int64() < 0 || bits.Int64() > 128 {
			return cty.NilVal, function.NewArgErrorf(1, "a network can be longer by 0 to 128 bits")
		}
		out, err := cidr.SubnetBig(network, int(bits.Int64()), n)
		if err != nil {
			return cty.NilVal, fmt.Errorf("%s cannot be cut so: %w", network, err)
		}
		return cty.StringVal(out.String()), nil
	},
})

var cidrSubnets = function.New(&function.Spec{
	Params:   []function.Parameter{prefixParam()},
	VarParam: &function.Parameter{Name: "newbits", Type: cty.Number},
	Type:     function.StaticReturnType(cty.List(cty.String)),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		network, err := parsePrefix(args[0])
		if err != nil {
			return cty.NilVal, err
		}
		start, _ := network.Mask.Size()
		if len(args) == 1 {
			return cty.ListValEmpty(cty.String), nil
		}
		var out []cty.Value
		var current *net.IPNet
		for i, a := range args[1:] {
			bits, err := wholeNumber(a, i+1)
			if err != nil {
				return cty.NilVal, err
			}
			if !bits.IsInt64() || bits.Int64() < 1 || bits.Int64() > 32 {
				return cty.NilVal, function.NewArgErrorf(i+1, "a network can be longer by 1 to 32 bits")
			}
			length := start + int(bits.Int64())
			if total := len(network.IP) * 8; length > total {
				return cty.NilVal, function.NewArgErrorf(i+1, "a prefix has at most %d bits", total)
			}
			full := false
			if current == nil {
				current = &net.IPNet{IP: network.IP, Mask: net.CIDRMask(length, len(network.IP)*8)}
			} else {
				current, full = cidr.NextSubnet(current, length)
			}
			if full || !network.Contains(current.IP) {
				return cty.NilVal, function.NewArgErrorf(i+1, "there is no room left in %s for a network with %d more bits", network, bits)
			}
			out = append(out, cty.StringVal(current.String()))
		}
		return cty.ListVal(out), nil
	},
})
