/**
 * Decides to which addresses this server may go on behalf of others: webhooks, probes, issuers of tokens.
 *
 *   WA1  Only addresses that are routed across the Internet: not this machine, private or providers' networks, or a detour through IPv6.
 *        https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry
 */
import { BlockList, isIP } from "node:net"

const refused = new BlockList()
for (const range of [
  "0.0.0.0/8", // this network
  "10.0.0.0/8",
  "100.64.0.0/10", // carrier-grade NAT
  "127.0.0.0/8",
  "169.254.0.0/16", // link-local: metadata services of clouds
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4", // multicast
  "240.0.0.0/4" // reserved, broadcast
]) {
  const [network, bits] = range.split("/") as [string, string]
  refused.addSubnet(network, Number(bits), "ipv4")
}
const global6 = new BlockList()
global6.addSubnet("2000::", 3, "ipv6")
const refused6 = new BlockList()
for (const range of [
  "2001::/23", // protocol assignments: Teredo, benchmarking, ORCHID
  "2001:db8::/32",
  "2002::/16", // 6to4: carries an IPv4 address
  "3fff::/20"
]) {
  const [network, bits] = range.split("/") as [string, string]
  refused6.addSubnet(network, Number(bits), "ipv6")
}

/** IPv4-mapped, NAT64, unique local, link-local, multicast and loopback are all outside of 2000::/3. */
export const isPublic = (address: string): boolean => {
  const family = isIP(address)
  if (family === 4) return !refused.check(address, "ipv4")
  return family === 6 && global6.check(address, "ipv6") && !refused6.check(address, "ipv6")
}
