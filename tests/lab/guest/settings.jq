# What the lab's guest needs from the settings, one fact a line. In one go, since jq takes a
# quarter of a second to start there. "-" stands for what is absent: read skips empty words.

def word: if . == null or . == "" then "-" else tostring end;

if ($meta | length) != 1 then error("meta-data.json is not one value") else . end
| (.networks // {} | with_entries(select(.value.type != "vip"))) as $networks
| "agent \(.agent_id | word)",
  "vm \(.vm.name | word)",
  "ephemeral \(.disks.ephemeral
      | if type == "object" then .path // .volume_id // .id else . end | word)",
  ($networks | length as $count | to_entries[]
    | .key as $name | .value
    | (if $count == 1 or (.default // [] | index("gateway")) then .gateway else null end)
      as $gateway
    | [$name, .type, .mac, .ip, .netmask, .prefix, $gateway] | map(word)
    | "network \(join(" "))")
