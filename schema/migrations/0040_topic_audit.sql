-- What is done to topics is in the audit log, in the transaction that does it: TS4 of src/topics/TopicStore.ts. A note is {by, keyId, message}.

create function herald_topic_note(action text, topic jsonb, note jsonb, more jsonb) returns void language plpgsql as $$
begin
  perform herald_audit('', action, note->>'by', jsonb_build_object('topic', topic->>'name', 'id', topic->'id', 'version', topic->'version', 'keyId', note->'keyId')
    || (case when note->>'message' = '' then '{}'::jsonb else jsonb_build_object('message', note->'message') end) || more);
end $$;

create function herald_topic_created(definition jsonb, actor text, note jsonb) returns jsonb language plpgsql as $$
declare
  made constant jsonb := herald_topic_create(definition, actor);
begin
  if note is not null and not made ? 'problem' then
    perform herald_topic_note('topic.create', made, note, jsonb_build_object('partitions', made->'partitions', 'retention', made->'retention',
      'log', made->'log', 'schemaVersion', made->'schemaVersion'));
  end if;
  return made;
end $$;

create function herald_topic_updated(of_name text, change jsonb, expected bigint, note jsonb) returns jsonb language plpgsql as $$
declare
  made constant jsonb := herald_topic_update(of_name, change, expected);
begin
  if note is not null and made is not null and not made ? 'problem' then
    perform herald_topic_note('topic.update', made, note, jsonb_build_object('changed', change - 'schema')
      || (case when change ? 'schema' then jsonb_build_object('schemaVersion', made->'schemaVersion') else '{}'::jsonb end));
  end if;
  return made;
end $$;

create function herald_topic_removed(of_name text, note jsonb) returns boolean language plpgsql as $$
declare
  held constant jsonb := (select herald_topic_json(t) from topics t where name = of_name for update);
begin
  if held is null or not herald_topic_remove(of_name) then return false; end if;
  if note is not null then perform herald_topic_note('topic.delete', held, note, '{}'); end if;
  return true;
end $$;

-- Ends one that Kafka does not make. False: there is none, or it was made. TS6
create function herald_topic_unmade(of_topic integer, note jsonb) returns boolean language plpgsql as $$
declare
  one text;
begin
  select name into one from topics t where id = of_topic and not herald_topic_is_made(t) for update;
  return found and herald_topic_removed(one, note);
end $$;
