#!/usr/bin/env ruby
# frozen_string_literal: true

# The two things that the bosh CLI does with our files, as it documents them, for there is no bosh
# CLI in Debian.
#
#   bosh.rb interpolate MANIFEST [-o OPS-FILE]... [-v NAME=VALUE]... [-l VARS-FILE]
#     applies ops files and prints the manifest as JSON, variables filled in where they are given;
#     with --var-errs one that is not given is an error
#   bosh.rb render JOB TEMPLATE <PROPERTIES
#     renders the ERB templates/TEMPLATE of the job directory with the properties (JSON)

require 'erb'
require 'json'
require 'ostruct'
require 'yaml'

def load_yaml(path)
  YAML.safe_load(File.read(path), aliases: true)
end

# An ops file: a list of operations, each of which names a place by a path like
# /instance_groups/name=bosh/jobs/-. What is missing is an error unless its part of the path, or one
# before it, ends in a question mark.
class Operation
  Token = Struct.new(:text, :optional, :modifier)

  def initialize(hash)
    unknown = hash.keys - %w[type path value name release]
    raise "an operation has unknown keys: #{unknown}" unless unknown.empty?

    @type = hash.fetch('type')
    @path = hash.fetch('path')
    @value = hash['value']
    raise "#{@path}: the type is #{@type}" unless %w[replace remove].include?(@type)
    raise "#{@path}: nothing to replace it with" if @type == 'replace' && !hash.key?('value')
  end

  def apply(document)
    tokens = parse
    raise "#{@path}: the whole document is no place of ours" if tokens.empty?

    tokens[0...-1].each_with_index do |token, i|
      document = step(document, token, tokens[i + 1])
      return if document.nil?
    end
    @type == 'replace' ? replace(document, tokens.last) : remove(document, tokens.last)
  end

  private

  def parse
    raise "#{@path}: does not begin with a slash" unless @path.start_with?('/')

    optional = false
    @path.split('/', -1).drop(1).map do |part|
      raise "#{@path}: an empty part" if part.empty?

      part, modifier = part.split(':', 2)
      optional = true if part.end_with?('?')
      Token.new(part.delete_suffix('?').gsub('~1', '/').gsub('~0', '~'), optional, modifier)
    end
  end

  # step: what the token names in the document; made where that is allowed
  def step(document, token, following)
    found = document.is_a?(Array) ? item(document, token) : member(document, token)
    return found unless found.nil?
    raise "#{@path}: there is no '#{token.text}'" unless token.optional
    return nil if @type == 'remove'

    made = following.text == '-' || following.text.include?('=') ? [] : {}
    if document.is_a?(Array)
      key, value = token.text.split('=', 2)
      document << (made = { key => value })
    else
      document[token.text] = made
    end
    made
  end

  def member(document, token)
    raise "#{@path}: '#{token.text}' is looked for in what is no map" unless document.is_a?(Hash)

    document[token.text]
  end

  def item(document, token)
    at = index(document, token)
    at && document[at]
  end

  def index(document, token)
    if token.text.include?('=')
      key, value = token.text.split('=', 2)
      all = document.each_index.select { |i| document[i].is_a?(Hash) && document[i][key].to_s == value }
      raise "#{@path}: '#{token.text}' is there #{all.length} times" if all.length > 1

      all.first
    else
      at = Integer(token.text)
      raise "#{@path}: there is no item #{at}" unless document.length > (at.negative? ? -at - 1 : at)

      at.negative? ? at + document.length : at
    end
  end

  def replace(document, token)
    return put_member(document, token) if document.is_a?(Hash)
    raise "#{@path}: '#{token.text}' is looked for in what is no list" unless document.is_a?(Array)
    return document << @value if token.text == '-'

    at = index(document, token)
    raise "#{@path}: there is no '#{token.text}'" unless at || token.optional

    case token.modifier
    when nil then at ? document[at] = @value : document << @value
    when 'before' then document.insert(at, @value)
    when 'after' then document.insert(at + 1, @value)
    else raise "#{@path}: what is ':#{token.modifier}'?"
    end
  end

  def put_member(document, token)
    raise "#{@path}: there is no '#{token.text}'" unless document.key?(token.text) || token.optional

    document[token.text] = @value
  end

  def remove(document, token)
    there = document.is_a?(Array) ? index(document, token) : (token.text if document.key?(token.text))
    raise "#{@path}: there is no '#{token.text}'" unless there || token.optional
    return unless there

    document.is_a?(Array) ? document.delete_at(there) : document.delete(there)
  end
end

# ((name)), ((name.key)): the value itself where nothing stands beside it
class Variables
  attr_reader :missing

  def initialize(values)
    @values = values
    @missing = []
  end

  def fill(node)
    case node
    when Hash then node.to_h { |key, value| [fill(key), fill(value)] }
    when Array then node.map { |value| fill(value) }
    when String then fill_text(node)
    else node
    end
  end

  private

  def fill_text(text)
    whole = text[/\A\(\(!?([-\w.\/]+)\)\)\z/, 1]
    return value_of(whole, text) if whole

    text.gsub(/\(\(!?([-\w.\/]+)\)\)/) { value_of(Regexp.last_match(1), Regexp.last_match(0)) }
  end

  def value_of(name, text)
    first, *rest = name.split('.')
    value = rest.reduce(@values[first]) { |held, key| held.is_a?(Hash) ? held[key] : nil }
    @missing << name if value.nil?
    value.nil? ? text : value
  end
end

def interpolate(arguments)
  manifest = load_yaml(arguments.shift)
  values = {}
  strict = false
  operations = []
  until arguments.empty?
    case (option = arguments.shift)
    when '-o' then operations += load_yaml(arguments.shift).map { |hash| Operation.new(hash) }
    when '-v'
      name, value = arguments.shift.split('=', 2)
      values[name] = value
    when '-l' then values.merge!(load_yaml(arguments.shift))
    when '--var-errs' then strict = true
    else raise "what is #{option}?"
    end
  end
  # Each operation gets a value of its own, as the CLI's does.
  operations.each { |operation| operation.apply(manifest) }
  variables = Variables.new(values)
  filled = variables.fill(Marshal.load(Marshal.dump(manifest)))
  raise "variables without a value: #{variables.missing.uniq.join(', ')}" if strict && !variables.missing.empty?

  puts JSON.pretty_generate(filled)
end

# What an ERB template of a job sees.
class Context
  # The methods of a template that come after if_p's block.
  Otherwise = Struct.new(:active, :context) do
    def else
      yield if active
    end

    def else_if_p(*names, &block)
      active ? context.if_p(*names, &block) : self
    end
  end

  attr_reader :properties, :spec, :name, :index

  # Only what the job's spec names is seen, and has the spec's default where it is not set.
  def initialize(spec, given)
    @raw = {}
    spec.fetch('properties').each { |key, definition| put(key, dig(given, key), definition['default']) }
    @properties = JSON.parse(JSON.generate(@raw), object_class: OpenStruct)
    @name = 'bosh'
    @index = 0
    @spec = OpenStruct.new(name: @name, index: 0, bootstrap: true)
  end

  def p(names, *default)
    Array(names).each do |name|
      value = dig(@raw, name)
      return value unless value.nil?
    end
    return default.first unless default.empty?

    raise "Can't find property '#{Array(names).join("', or '")}'"
  end

  def if_p(*names)
    values = names.map { |name| dig(@raw, name) }
    return Otherwise.new(true, self) if values.any?(&:nil?)

    yield(*values)
    Otherwise.new(false, self)
  end

  def binding_of_template
    binding
  end

  private

  def dig(hash, name)
    name.split('.').reduce(hash) { |held, key| held.is_a?(Hash) ? held[key] : nil }
  end

  def put(name, value, default)
    *parents, last = name.split('.')
    parents.reduce(@raw) { |held, key| held[key] ||= {} }[last] = value.nil? ? default : value
  end
end

def render(job, template)
  spec = load_yaml(File.join(job, File.exist?(File.join(job, 'job.MF')) ? 'job.MF' : 'spec'))
  raise "#{template} is not in the job's spec" unless spec.fetch('templates').key?(template)

  erb = ERB.new(File.read(File.join(job, 'templates', template)), trim_mode: '-')
  erb.filename = template
  $stdout.write(erb.result(Context.new(spec, JSON.parse($stdin.read)).binding_of_template))
end

begin
  command, *arguments = ARGV
  case command
  when 'interpolate' then interpolate(arguments)
  when 'render' then render(*arguments)
  else raise 'bosh.rb interpolate MANIFEST…, or bosh.rb render JOB TEMPLATE'
  end
rescue StandardError => e
  warn "bosh.rb: #{e.message}"
  exit 1
end
