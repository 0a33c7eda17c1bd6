# shellcheck shell=sh
# The network cards of the lab's guest, and the networks of the settings on them.

nics() {
    for entry in /sys/class/net/*; do
        [ ! -e "$entry/device" ] || echo "${entry##*/}"
    done
}

mac_of() {
    read -r address <"/sys/class/net/$1/address" && echo "$address"
}

report_nics() {
    ip link set lo up
    for nic in $(nics); do
        say nic "$nic" "$(mac_of "$nic")"
    done
}

# The agent compares as text, so a MAC in upper case finds nothing. A single network without
# a MAC belongs to a single card.
nic_with() {
    for nic in $(nics); do
        [ "$(mac_of "$nic")" != "$1" ] || {
            echo "$nic"
            return
        }
    done
    [ "$1" = - ] && [ "$network_count" = 1 ] && [ "$(nics | wc -l)" = 1 ] && nics
}

configure_networks() {
    network_count=$(fact network | wc -l)
    fact network >/run/lab/networks
    while read -r name type mac ip netmask prefix gateway; do
        nic=$(nic_with "$mac")
        if [ -z "$nic" ]; then
            say net "$name" no-nic
            continue
        fi
        if [ "$type" = dynamic ] || [ "$ip" = - ]; then
            ip=$(lease_address "$nic")
        else
            static_address "$nic" "$ip" "$netmask" "$prefix" "$gateway"
        fi
        say net "$name" "$nic" "${ip:-no-address}"
    done </run/lab/networks
}

# static_address NIC IP NETMASK PREFIX GATEWAY. The prefix only says something in IPv6: an
# ordinary IPv4 network of a manifest has the prefix 32.
static_address() {
    case $2 in
        *:*)
            # The address is there at once, without looking for a second one like it.
            echo 0 >"/proc/sys/net/ipv6/conf/$1/accept_dad"
            ip link set "$1" up
            ip -6 addr add "$2/$4" dev "$1"
            ;;
        *) ifconfig "$1" "$2" netmask "$3" up ;;
    esac
    [ "$5" = - ] || ip route add default via "$5" dev "$1"
}

lease_address() {
    rm -f /run/lab/lease
    ip link set "$1" up
    udhcpc -i "$1" -n -q -t 10 -T 2 -s /lab/on-lease </dev/null >/run/lab/udhcpc.log 2>&1
    [ ! -s /run/lab/lease ] || cat /run/lab/lease
}
