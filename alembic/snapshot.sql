-- An empty database becomes this one at once, instead of by every revision in turn. Written by `check --release`, never
-- by hand: below the next line begins what the sum is taken of, and a file with another sum is not used.
-- sum: acaefb3696d89b226ec74061baf07e8f20603ace0da91ffce3cf8b3412e8f192
-- catalogue: 40aa939260411e2f25ce07eacc3d884d2501a587d48a8b4aecafd29c10aea7da
-- revision: cd0edd614cc5 036854fce574a4827f70c60b235fcc53f4ad53af53c6b3458112f10d6ae5658e
-- revision: 3f1c9a7d52e4 043d15087d44d4ccbe2c630909136c8e58df62df68d2f3c450974fe78d3cc5cb
-- revision: 8b06d2e94c17 6859afdfcd835953adb8f112f5ceec24f638384f3cec4d0894bce918f985aa5b
-- revision: c5e7a1f03b68 11940fbe7d99f131f5208c7bc73a9e9ac07bbda67ace76ff75c76cc68de65b20
-- revision: 17d4b8e26fa9 e3d18c01975889669a151fba237ca05a70241c3daac863c02cb5fcbe55526b8f
-- revision: e92f60ab7d31 353d6e18ea731a42356872d91570d3171bcc641f70a622a4a9a9c1d979eaf626
-- revision: 4ad87c1e95b0 aa0205846b7008c1496e83390ea608fb258046506014a02325bf6eaf75c9e0b9
-- revision: 3c09407b2405 fa01ec948a9d4fa4c71c94205f187e7bf4cad9bd01d41c8944c8e96915c54661
-- revision: d7a91c34e0b2 9f617111d994742ec2cb70e6485ac17f28d620213bf124e758f80c54676dc0b3
-- revision: 9c2f7be1a846 7dadf96add53697ed7717374b9c3a84e3d5e632611381295bc988a68e18bf69f
-- revision: 4b8e60d915fa 2592dc51435bebc0da6511f6eb256cb644b93292efcb7564d44bf29b3c93d85f
-- revision: e5308fd2c761 98e651918d4a8d7b77fd1bacc003d1070b7d96a96b5a0f17a14fc1c2a54fffd8
-- revision: 62d0b7f4a93e ffbbd4bba97086cfa3664d3fc181302f79b000202e72f72f35161d43aaa66a70
-- revision: 1f95c3e8d704 212e3c165f550cbcd80fc7bb462d13b3c5bc2575de7173d90dacbd4da4a63e78
-- revision: a83e41d6905b f43414c7ad699da220e465473a1fd9841bba61985cfa16c493652c8b53370624
-- revision: c06f5d8137be 5f5c0ed24c6cfcf806928e1d9d8ab208ac065e94d5802a76ad2675763ae91ea2
-- revision: 3ed7125a9fc8 d5a0a0ccfe0771121e03e21c9d911fc29523a57f7d220443487d184527e57755
-- revision: 84b1f60ce27d b27d49822709f99666840d2ffdef144c1c65447a49502b6d1ce445a4c0be9dbb
-- revision: b15e9d4c7a20 e046209dc0c1fb0e3bd7dc8f7538917fd5a26846201bacc1bd5b3730748294f7
-- revision: 2f7d60c3be91 7076f08382210407f9c79112d3930f2873e1b302dbdfa1852dcfe9fb92d8a615
-- revision: 57273afeffda 804f05e1495578bd9f460ecaa604dcd1bbde1fc297dcb8ee70102a4c05697716
-- revision: a946182cb78e ef975bee2c1fd480ad2d2db3891528e2d4225fcf72b9f9dbb0e07c78bd65cec9
-- revision: 243105e3ed23 87b40b03f8f641f0d63a2d6fa877c54f2ae2d9e47457235a2123943cec85de92
-- revision: 5c6ad8a982cd 2c1abc0735a38990e558e12c6a156f24fb16e61902e10f3a413fa1cf5c87b4eb
-- revision: 89b3b7cd1a1f 7bd88012f92b36b174cbc6cb871ad038ee521f516505d1eab3fc8f259d822465
-- revision: 09d841a50304 1787729d7ccb878585ed806f21eac8979f734cf86c7219ef2fc6d9c548caaf0b
-- revision: 4ab558158091 92a334edc15924f6a04e76bd58b8042db5b931423dab91bf4e604a94a48bf8b2
-- revision: d3a80d2c8cc9 1166893dc1fe0f8f21f4c0d2568f4e5a19a2177c560ec7b421b441c4acc14413
-- revision: f107112354ef e5a067da072dd4732dc1439626b1d271d5bc9e80c59b2db6962f89ecb7ae1847
-- revision: 6ef5e6668592 0e8c0b6e9728b37f4b6bcc8f6760acb73a8e27247945425549ee9ffd73a2c474
-- revision: 9f0ff0e230ac 87caf8dcceb4e1f20a8354573e650d1826a6c5137aa24fa27b13a977db24e575
-- revision: 410806d8ed38 d9ee2ff6978e7112b223ecab6bce0b38543818ae5816538531a5fdb1d79c924d
-- revision: fc69c0a2ff5a 60fd1b083ca1c9293e471e58ff60766a1487aeb5b977baf21f02fc1ed5a4dd45
-- revision: 683d2e072479 246e5e47c6fec628f439e813d79aa86afbe0d9cfe0daabd6e6988c803125bc5a
-- revision: ae00ebd96580 0a73d890eb7e0d12233ed25ee7c2e7ef3d18ab5e2d8442630269f13d7031b3fe
-- revision: a937c171d3e2 a43af1ea1b09b4b588abadea93f681c32ea7a09aff94b62d512c4d822d6779aa
-- revision: 8d79fe41d879 6032e251564a5c2110762a9eac896e67ff5e54fcc0adb87770af19aabd06fd15
-- revision: 277e1a782152 83cfadf9c3fa46fab05c7ee88be8a8de464646d16893fc2d43bbdcc93123f804
-- revision: c408593ea583 27dd11b34dbe34f452bcaaacba7b654a9ec9fd2293a85b862100aa753fd77e6b
-- revision: d64b48bf0c51 13c70cd0612dae8f1c483396e27ecd40d2dd5a5f6a4d7b9a39788b20c5bfc05d
-- revision: 15f0ceb15db2 23416da263272abd4aaca0d91c0e0cf9e0b67b0ba1518b161a59f71c66d2b284
-- revision: b9f8ad1d81ba c1f62d08adfb494edd9cb93b900aa32c8496c28928473b282da4e0aba66f3256
-- revision: 92aa7adbb58c ed829edb51529b1ca954879011c3cddc6cb39bb1430229308e382a52e3bee127
-- revision: 39af86c6fdb7 7541ab7b5539f27fb71eb2f3f70759ecc427cc374ac54cf94f6dea0d09a6a030
-- revision: e10cd28b0218 444168b4b20fe99e75717b534ea977aeb8cb1c7a21642ba6177ec79c15808b60
-- revision: 01314a237f6e 62fadb4dafbf29958924a531bc5d0ec5fb5ce1a97459cd6aac2737e9e24e33bc
-- revision: a122ecf1e7b5 bf9fdcfb2d8a6ebd5170b7f95993fa5d9ed572c8695962eea281c64751ef53e1
-- revision: 5aaca5c6078c d3bed2a9d259409f098a914fc9a93e85ffeaff28bd300a810d017aa427f13030
-- revision: 28bd94ce4cd6 ced8520b9acc686f61565af851a18dc6a91f56b373346fe34790e304bebbd490
-- revision: 697c3bef29b6 cb5058f4059483350afa0edd60d643c21d2e82959f60681b63d25527f8ca62c5
-- revision: 0566a6ec89d0 b882094aba85a0c9face4c1749dce5130d9bfad9d6d3b6180151fdb3c0a6466e
-- revision: fb1733680cf3 041dbdc0088fb4e1e9edc60c3b4c9d4506252a0a773efe7a8d5b166cd4356541
-- revision: 2946b0597615 852b3d55932e8abcb8893f5a3f3a05c7537269ece834e90cd83d432105739316
-- revision: 55d62f110ef2 5b5737067bdd86531ac70be4a8b14c3a8dfd91b64e76ab5b78be926c866662a5
-- revision: cf1ecafd4090 656a67cd5758f6d3ba60540658f756494f78b515b20511818e64ddb4cd4114fc
-- revision: 5b503ac82380 03a2130b5609c40f33d17fa57ea26565496270a419bb783ae5539ac9fa525bee
-- revision: 3c680e8f3b40 f8ce4dca0e4ffd47b30f11586d27bb8cbccee3a2d54e0c2949a9104921a8b541
-- revision: 72665287bd27 5f653894c3db3685911277d6404bc5fc20b82f1f1564c7a9f6b86f96d8f93f8e
-- revision: 2843c21ebbb0 ac9a491a63598facb6ba1375db059c023597d38e25dd29b397e390701ee2bf33
-- revision: ad545c1a25a3 671d273a1db0f5f2b762c392b7893e1ecaf237b889b0effed5f1cd0e879b17de
-- revision: bcd31437401e c58a42d0ad8d9c4c3f2388e28d52ee37aa6014d80c7f5a22254f8fa46619836f
-- revision: 3bbd118a38df 90147e71dd5404d982c8a11ac42a26152f4b75dfed3b2c08d6019f3bcf130cd9
-- revision: 9ad05485e457 385690cc4370f4713ec17637f1f117fac1aceeccefce4f94de1049c945f2678a
-- revision: d870f86ab19d 02f9e52fa46b664ef52cdd9d8523d4c5a06305ac516accead7db8778f6cc77fe

CREATE FUNCTION public.is_json(text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
begin
    perform $1::jsonb;
    return true;
exception
    when data_exception or program_limit_exceeded then
        return false;
end
$_$;

CREATE FUNCTION public.keep_awarder_name() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    -- keep_name() for this column alone: its plan is kept, which the ledger's many rows are worth
    perform set_config('search_path', format('%I, pg_temp', tg_table_schema), true);
    select btrim(concat_ws(' ', first_name, last_name)) into new.awarded_by_name from users where id = new.awarded_by;
    return new;
end
$$;

CREATE FUNCTION public.keep_balance() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform set_config('search_path', format('%I, pg_temp', tg_table_schema), true);
    -- always in order of student: two writers of several students then never wait for each other in a circle
    if tg_op = 'INSERT' then
        insert into student_points as kept (student_id, balance)
        select student_id, sum(amount)
          from added
         group by student_id
         order by student_id
            on conflict (student_id) do update
           set balance = kept.balance + excluded.balance,
               updated_at = now();
    elsif tg_op = 'DELETE' then
        perform from student_points
          where student_id in (select student_id from removed)
          order by student_id
            for update;
        update student_points
           set balance = balance - gone.amount,
               updated_at = now()
          from (select student_id, sum(amount) as amount from removed group by student_id) as gone
         where student_points.student_id = gone.student_id;
    else
        insert into student_points as kept (student_id, balance)
        select student_id, sum(amount)
          from (values (old.student_id, -old.amount), (new.student_id, new.amount)) as moved (student_id, amount)
         group by student_id
         order by student_id
            on conflict (student_id) do update
           set balance = kept.balance + excluded.balance,
               updated_at = now();
    end if;
    return null;
end
$$;

CREATE FUNCTION public.keep_finalized_at() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    -- what only an application that does not know finalized_at leaves to us
    if new.is_finalized then
        new.finalized_at := coalesce(new.finalized_date::timestamp at time zone 'UTC', new.finalized_at, now());
    else
        new.finalized_at := null;
    end if;
    return new;
end
$$;

CREATE FUNCTION public.keep_graded_at() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    -- what only an application that does not know graded_at leaves to us
    new.graded_at := coalesce(new.graded_date::timestamp at time zone 'UTC', new.graded_at, now());
    return new;
end
$$;

CREATE FUNCTION public.keep_item_as_it_was() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
begin
    execute format('select coalesce($1, name), coalesce($2, cost) from %I.shop_items where id = $3', tg_table_schema)
       into new.item_name, new.cost
      using new.item_name, new.cost, new.item_id;
    return new;
end
$_$;

CREATE FUNCTION public.keep_marks_maximum() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
begin
    -- waits for whoever is changing the maximum, and keeps it from changing until this mark is committed
    execute format('select max_marks from %I.tests where id = $1 for key share', tg_table_schema)
       into new.max_marks
      using new.test_id;
    if new.max_marks is null then
        raise exception 'There is no test %.', new.test_id using errcode = 'foreign_key_violation';
    end if;
    return new;
end
$_$;

CREATE FUNCTION public.keep_name() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    name text;
begin
    execute format(
        'select btrim(concat_ws('' '', first_name, last_name)) from %I.users where id = ($1).%I',
        tg_table_schema, tg_argv[0]
    ) into name using new;
    return jsonb_populate_record(new, jsonb_build_object(tg_argv[1], name));
end
$_$;

CREATE FUNCTION public.only_the_ledger() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    -- the ledger's trigger, and the deletion of the student, come through another trigger: WHEN lets them pass
    if pg_trigger_depth() < 2 and coalesce(current_setting('ourschool.retiring', true), '') <> 'on' then
        raise exception 'The balance follows the ledger: % of % is refused', tg_op, tg_table_name
            using errcode = 'restrict_violation',
                  hint = 'Insert into point_transactions instead.';
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    return new;
end
$$;

CREATE FUNCTION public.record_settings_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    bookkeeping constant text[] := '{id,created_at,updated_at,updated_by,updated_by_name}';
    was jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - bookkeeping end;
    becomes jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - bookkeeping end;
    who integer := nullif(current_setting('ourschool.user_id', true), '')::integer;
begin
    if was is distinct from becomes then
        if who is null and tg_op <> 'DELETE' then
            who := new.updated_by;
        end if;
        execute format(
            'insert into %I.settings_changes (setting_key, action, before, after, changed_by) '
            'values ($1, $2, $3, $4, $5)',
            tg_table_schema
        ) using coalesce(was, becomes) ->> 'key', lower(tg_op), was, becomes, who;
    end if;
    return null;
end
$_$;

CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    leaving record;
    gone boolean;
    freed text[] := '{}';
    was jsonb;
    becomes jsonb;
begin
    -- the one way round: set_config('ourschool.retiring', 'on', true) in the transaction that retires rows
    if coalesce(current_setting('ourschool.retiring', true), '') = 'on' then
        if tg_op = 'UPDATE' then
            return new;
        end if;
        return old;
    end if;
    -- what a foreign key does by itself goes through: the row it points to is gone already when it does
    for leaving in
        select a.attname as name, p.attname as target, k.confrelid::regclass as parent, k.confdeltype as action
          from pg_constraint k
          join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
          join pg_attribute p on p.attrelid = k.confrelid and p.attnum = k.confkey[1]
         where k.conrelid = tg_relid
           and k.contype = 'f'
           and k.confdeltype = case tg_op when 'DELETE' then 'c' when 'UPDATE' then 'n' end
           and cardinality(k.conkey) = 1
    loop
        execute format(
            'select ($1).%1$I is not null and not exists (select from %2$s where %3$I = ($1).%1$I)',
            leaving.name, leaving.parent, leaving.target
        ) into gone using old;
        if gone and tg_op = 'DELETE' then
            return old;
        elsif gone then
            freed := freed || leaving.name::text;
        end if;
    end loop;
    if cardinality(freed) > 0 then
        was := to_jsonb(old);
        becomes := to_jsonb(new);
        if becomes - freed = was - freed
           and not exists (
               select from unnest(freed) as name where becomes -> name not in ('null'::jsonb, was -> name)
           )
        then
            return new;
        end if;
    end if;
    raise exception '% only grows: % is refused', tg_table_name, tg_op
        using errcode = 'restrict_violation',
              hint = 'Add a row that corrects it. To set rows aside, ourschool.retiring must be on in the transaction.';
end
$_$;

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);

CREATE TABLE public.api_keys (
    id bigint NOT NULL,
    user_id integer NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    key_hash text NOT NULL,
    permissions jsonb DEFAULT '[]'::jsonb NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    CONSTRAINT api_keys_expires_at_check CHECK ((expires_at > created_at)),
    CONSTRAINT api_keys_permissions_check CHECK ((jsonb_typeof(permissions) = 'array'::text))
);

COMMENT ON TABLE public.api_keys IS 'Keys by which programs act for a user';

COMMENT ON COLUMN public.api_keys.name IS 'what the user calls it';

COMMENT ON COLUMN public.api_keys.prefix IS 'the first characters, shown in lists; unique among the active';

COMMENT ON COLUMN public.api_keys.key_hash IS 'SHA-256 of the whole key; the key itself is nowhere';

COMMENT ON COLUMN public.api_keys.permissions IS 'what it may do, a list of words';

COMMENT ON COLUMN public.api_keys.expires_at IS 'NULL: never';

ALTER TABLE public.api_keys ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.api_keys_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.assignment_templates (
    id integer NOT NULL,
    name character varying NOT NULL,
    description text,
    instructions text,
    assignment_type text DEFAULT 'homework'::text NOT NULL,
    subject_id integer NOT NULL,
    max_points integer DEFAULT 100 NOT NULL,
    estimated_duration_minutes integer,
    prerequisites text,
    materials_needed text,
    is_exportable boolean DEFAULT true NOT NULL,
    export_data jsonb,
    created_by integer,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    is_archived boolean DEFAULT false NOT NULL,
    created_by_name text,
    is_library boolean DEFAULT false NOT NULL,
    CONSTRAINT assignment_templates_max_points_check CHECK ((max_points > 0))
);

COMMENT ON TABLE public.assignment_templates IS 'Assignments as they are prepared, before any student has them';

COMMENT ON COLUMN public.assignment_templates.max_points IS 'for a perfect piece of work; lessons and students may have their own';

COMMENT ON COLUMN public.assignment_templates.is_exportable IS 'whether other schools may have it';

COMMENT ON COLUMN public.assignment_templates.is_archived IS 'kept for those who had it, offered to nobody else';

COMMENT ON COLUMN public.assignment_templates.created_by_name IS 'kept when the user is deleted';

COMMENT ON COLUMN public.assignment_templates.is_library IS 'kept in the school''s library for every teacher to take from';

ALTER TABLE public.assignment_templates ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.assignment_templates_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.assignment_time_entries (
    id bigint NOT NULL,
    assignment_id integer NOT NULL,
    minutes integer NOT NULL,
    worked_on date,
    note text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT assignment_time_entries_minutes_check CHECK (((minutes > 0) AND (minutes <= 1440)))
);

COMMENT ON TABLE public.assignment_time_entries IS 'The time that a student spent on an assignment, one row a sitting';

COMMENT ON COLUMN public.assignment_time_entries.worked_on IS 'NULL: not known, as for a total of former times';

ALTER TABLE public.assignment_time_entries ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.assignment_time_entries_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.assignment_types (
    id bigint NOT NULL,
    key text NOT NULL,
    name text NOT NULL,
    weight numeric DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT assignment_types_key_check CHECK ((btrim(key) <> ''::text)),
    CONSTRAINT assignment_types_weight_check CHECK (((weight >= (0)::numeric) AND (weight < 'Infinity'::numeric)))
);

COMMENT ON TABLE public.assignment_types IS 'What kinds of work an assignment can ask for';

COMMENT ON COLUMN public.assignment_types.key IS 'what templates say; renamed here, it is renamed there';

COMMENT ON COLUMN public.assignment_types.name IS 'what people read';

COMMENT ON COLUMN public.assignment_types.weight IS 'how much work of this type counts beside other work';

ALTER TABLE public.assignment_types ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.assignment_types_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.attendance_records (
    id integer NOT NULL,
    student_id integer NOT NULL,
    date date NOT NULL,
    status text NOT NULL,
    notes text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT attendance_records_status_check CHECK ((status = ANY (ARRAY['present'::text, 'absent'::text, 'late'::text, 'excused'::text])))
);

COMMENT ON TABLE public.attendance_records IS 'Who was there on which day';

ALTER TABLE public.attendance_records ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.attendance_records_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.audit_log (
    id bigint NOT NULL,
    occurred_at timestamp with time zone DEFAULT now() NOT NULL,
    actor_id integer,
    actor_name text,
    action text NOT NULL,
    entity text NOT NULL,
    entity_id text,
    before jsonb,
    after jsonb,
    request_id text,
    address inet,
    CONSTRAINT audit_log_action_check CHECK ((btrim(action) <> ''::text))
);

COMMENT ON TABLE public.audit_log IS 'Who did what to what; only grows';

COMMENT ON COLUMN public.audit_log.actor_name IS 'kept when the user is deleted';

COMMENT ON COLUMN public.audit_log.action IS 'a word of the application''s, like grade.changed';

COMMENT ON COLUMN public.audit_log.entity IS 'the table of what it was done to';

COMMENT ON COLUMN public.audit_log.entity_id IS 'the key of what it was done to, as text';

COMMENT ON COLUMN public.audit_log.request_id IS 'joins what one request of the application did';

COMMENT ON COLUMN public.audit_log.address IS 'where the request came from';

ALTER TABLE public.audit_log ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.audit_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.enrollments (
    id bigint NOT NULL,
    student_id integer NOT NULL,
    class_id bigint NOT NULL,
    joined_on date DEFAULT CURRENT_DATE NOT NULL,
    left_on date,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT enrollments_left_on_check CHECK ((left_on >= joined_on))
);

COMMENT ON TABLE public.enrollments IS 'Which student was in which class from when to when';

COMMENT ON COLUMN public.enrollments.left_on IS 'the last day; NULL: still there';

ALTER TABLE public.enrollments ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.enrollments_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.fees (
    id bigint NOT NULL,
    student_id integer NOT NULL,
    period date NOT NULL,
    amount_due numeric(12,2) NOT NULL,
    due_on date,
    paid_at timestamp with time zone,
    notes text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT fees_amount_due_check CHECK (((amount_due > (0)::numeric) AND (amount_due < 'Infinity'::numeric))),
    CONSTRAINT fees_period_check CHECK ((EXTRACT(day FROM period) = (1)::numeric))
);

COMMENT ON TABLE public.fees IS 'What a student owes for a month';

COMMENT ON COLUMN public.fees.student_id IS 'who owes or paid cannot be deleted';

COMMENT ON COLUMN public.fees.period IS 'the month, as its first day';

COMMENT ON COLUMN public.fees.paid_at IS 'when nothing was owed any more; NULL: unpaid';

ALTER TABLE public.fees ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.fees_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.grade_history (
    id integer NOT NULL,
    student_term_grade_id integer NOT NULL,
    field_name character varying NOT NULL,
    old_value character varying,
    new_value character varying,
    change_reason text,
    changed_by integer,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    assignment_id integer,
    changed_by_name text
);

COMMENT ON TABLE public.grade_history IS 'Every change of a term''s grade; only grows';

COMMENT ON COLUMN public.grade_history.field_name IS 'the column of student_term_grades';

COMMENT ON COLUMN public.grade_history.old_value IS 'as text, whatever the column''s type';

COMMENT ON COLUMN public.grade_history.new_value IS 'as text, whatever the column''s type';

COMMENT ON COLUMN public.grade_history.assignment_id IS 'whose grading changed it; NULL: not said';

COMMENT ON COLUMN public.grade_history.changed_by_name IS 'kept when the user is deleted';

ALTER TABLE public.grade_history ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.grade_history_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.guardianships (
    id bigint NOT NULL,
    guardian_id integer NOT NULL,
    student_id integer NOT NULL,
    relation text DEFAULT 'parent'::text NOT NULL,
    is_primary boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT guardianships_guardian_id_check CHECK ((guardian_id <> student_id)),
    CONSTRAINT guardianships_relation_check CHECK ((btrim(relation) <> ''::text))
);

COMMENT ON TABLE public.guardianships IS 'Who looks after which student';

COMMENT ON COLUMN public.guardianships.relation IS 'what the guardian is to the student: mother, father, aunt, ...';

COMMENT ON COLUMN public.guardianships.is_primary IS 'whom the school calls first; at most one a student';

ALTER TABLE public.guardianships ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.guardianships_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.journal_entries (
    id integer NOT NULL,
    student_id integer NOT NULL,
    author_id integer,
    title character varying NOT NULL,
    content text NOT NULL,
    entry_date timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    author_name text,
    mood text,
    tags jsonb DEFAULT '[]'::jsonb NOT NULL,
    goals jsonb DEFAULT '[]'::jsonb NOT NULL,
    needs_response boolean DEFAULT false NOT NULL,
    win text,
    points_awarded numeric DEFAULT 0 NOT NULL,
    CONSTRAINT journal_entries_goals_check CHECK ((jsonb_typeof(goals) = 'array'::text)),
    CONSTRAINT journal_entries_mood_check CHECK ((mood = ANY (ARRAY['great'::text, 'good'::text, 'okay'::text, 'low'::text, 'bad'::text]))),
    CONSTRAINT journal_entries_points_awarded_check CHECK (((points_awarded >= (0)::numeric) AND (points_awarded < 'Infinity'::numeric))),
    CONSTRAINT journal_entries_tags_check CHECK ((jsonb_typeof(tags) = 'array'::text))
);

COMMENT ON TABLE public.journal_entries IS 'What was noted about a student, day by day';

COMMENT ON COLUMN public.journal_entries.author_id IS 'who wrote it, often the student';

COMMENT ON COLUMN public.journal_entries.entry_date IS 'the moment it is about';

COMMENT ON COLUMN public.journal_entries.author_name IS 'kept when the user is deleted';

COMMENT ON COLUMN public.journal_entries.tags IS 'a list of words';

COMMENT ON COLUMN public.journal_entries.goals IS 'what the student wants to reach, a list';

COMMENT ON COLUMN public.journal_entries.needs_response IS 'whether somebody should answer; false for all old entries';

COMMENT ON COLUMN public.journal_entries.win IS 'what went well';

COMMENT ON COLUMN public.journal_entries.points_awarded IS 'shown beside the entry; the ledger is point_transactions';

ALTER TABLE public.journal_entries ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.journal_entries_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.journal_replies (
    id bigint NOT NULL,
    entry_id integer NOT NULL,
    author_id integer,
    author_name text,
    content text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.journal_replies IS 'Answers to entries of journals';

COMMENT ON COLUMN public.journal_replies.author_name IS 'kept when the user is deleted';

ALTER TABLE public.journal_replies ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.journal_replies_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.lesson_assignments (
    id integer NOT NULL,
    lesson_id integer NOT NULL,
    assignment_template_id integer NOT NULL,
    order_in_lesson integer DEFAULT 0 NOT NULL,
    planned_duration_minutes integer,
    custom_instructions text,
    is_required boolean DEFAULT true NOT NULL,
    custom_max_points integer,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.lesson_assignments IS 'Which templates a lesson uses';

COMMENT ON COLUMN public.lesson_assignments.order_in_lesson IS 'place among the lesson''s templates';

COMMENT ON COLUMN public.lesson_assignments.custom_instructions IS 'in place of the template''s, for this lesson';

COMMENT ON COLUMN public.lesson_assignments.is_required IS 'whether every student of the lesson gets it';

COMMENT ON COLUMN public.lesson_assignments.custom_max_points IS 'in place of the template''s, for this lesson';

ALTER TABLE public.lesson_assignments ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.lesson_assignments_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.lessons (
    id integer NOT NULL,
    title character varying NOT NULL,
    description text,
    scheduled_date date NOT NULL,
    start_time time without time zone,
    end_time time without time zone,
    estimated_duration_minutes integer,
    materials_needed text,
    objectives text,
    prerequisites text,
    resources jsonb,
    lesson_order integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT lessons_end_time_check CHECK ((end_time > start_time))
);

COMMENT ON TABLE public.lessons IS 'Lessons as they are planned';

COMMENT ON COLUMN public.lessons.end_time IS 'after the start; NULL: not known';

COMMENT ON COLUMN public.lessons.lesson_order IS 'place among the lessons of the day';

ALTER TABLE public.lessons ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.lessons_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.marks (
    id bigint NOT NULL,
    test_id bigint NOT NULL,
    student_id integer NOT NULL,
    marks numeric NOT NULL,
    max_marks numeric NOT NULL,
    remarks text,
    marked_by integer,
    marked_by_name text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT marks_marks_check CHECK (((marks >= (0)::numeric) AND (marks <= max_marks)))
);

COMMENT ON TABLE public.marks IS 'What a student got in a test';

COMMENT ON COLUMN public.marks.max_marks IS 'the test''s maximum, copied and held equal by the database, so that a CHECK can compare';

COMMENT ON COLUMN public.marks.marked_by_name IS 'kept when the user is deleted';

ALTER TABLE public.marks ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.marks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.migration_definitions (
    id bigint NOT NULL,
    what text NOT NULL,
    schema_name name NOT NULL,
    table_name name NOT NULL,
    column_name name,
    revision text NOT NULL,
    direction text NOT NULL,
    retired_at timestamp with time zone NOT NULL,
    thing jsonb NOT NULL,
    statements jsonb NOT NULL
);

COMMENT ON TABLE public.migration_definitions IS 'Columns and tables that were taken away without rows: the way back makes them again from this';

ALTER TABLE public.migration_definitions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.migration_definitions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.migration_journal (
    id bigint NOT NULL,
    revision text NOT NULL,
    direction text NOT NULL,
    outcome text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    duration interval NOT NULL,
    database_user text DEFAULT SESSION_USER NOT NULL,
    client_host text NOT NULL,
    client_user text NOT NULL,
    client_pid integer NOT NULL,
    package_version text NOT NULL,
    file_sha256 text,
    note text,
    error text,
    statement text,
    file bytea,
    expand_only boolean,
    takes_away text
);

COMMENT ON TABLE public.migration_journal IS 'What was done to this database by Alembic: a row for each revision and try';

COMMENT ON COLUMN public.migration_journal.direction IS 'upgrade, downgrade or stamp; else the command';

COMMENT ON COLUMN public.migration_journal.outcome IS 'done, failed, or begun: it commits in parts and has not ended';

COMMENT ON COLUMN public.migration_journal.file_sha256 IS 'of the revision''s file as it was run';

COMMENT ON COLUMN public.migration_journal.note IS 'what was overridden, kept or granted, where something was';

COMMENT ON COLUMN public.migration_journal.statement IS 'the one that failed, without its values';

COMMENT ON COLUMN public.migration_journal.file IS 'the revision''s file as it was run upwards, compressed by zlib';

COMMENT ON COLUMN public.migration_journal.expand_only IS 'whether it only adds: its file says so, and the run has proved it';

COMMENT ON COLUMN public.migration_journal.takes_away IS 'what a revision takes away that says it only adds';

ALTER TABLE public.migration_journal ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.migration_journal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.notification_reads (
    id bigint NOT NULL,
    notification_id bigint NOT NULL,
    user_id integer NOT NULL,
    read_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.notification_reads IS 'Who has read which notification; no row: unread';

ALTER TABLE public.notification_reads ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.notification_reads_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.notifications (
    id bigint NOT NULL,
    user_id integer,
    class_id bigint,
    to_all boolean DEFAULT false NOT NULL,
    title text NOT NULL,
    body text DEFAULT ''::text NOT NULL,
    link_url text,
    sent_by integer,
    sent_by_name text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    CONSTRAINT notifications_target_check CHECK (((num_nonnulls(user_id, class_id) + (to_all)::integer) = 1))
);

COMMENT ON TABLE public.notifications IS 'Messages of the school, each to one user, to one class or to all';

COMMENT ON COLUMN public.notifications.user_id IS 'to one user';

COMMENT ON COLUMN public.notifications.class_id IS 'to one class';

COMMENT ON COLUMN public.notifications.to_all IS 'to everybody; exactly one of the three targets is given';

COMMENT ON COLUMN public.notifications.sent_by_name IS 'kept when the user is deleted';

COMMENT ON COLUMN public.notifications.expires_at IS 'not shown after this; NULL: always shown';

ALTER TABLE public.notifications ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.notifications_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.payments (
    id bigint NOT NULL,
    fee_id bigint NOT NULL,
    amount numeric(12,2) NOT NULL,
    method text NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    upi_reference text,
    receipt_url text,
    notes text,
    confirmed_at timestamp with time zone,
    confirmed_by integer,
    confirmed_by_name text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT payments_amount_check CHECK (((amount > (0)::numeric) AND (amount < 'Infinity'::numeric))),
    CONSTRAINT payments_confirmed_at_check CHECK (((status = 'confirmed'::text) = (confirmed_at IS NOT NULL))),
    CONSTRAINT payments_method_check CHECK ((method = ANY (ARRAY['upi'::text, 'cash'::text, 'card'::text, 'bank'::text]))),
    CONSTRAINT payments_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'confirmed'::text, 'rejected'::text]))),
    CONSTRAINT payments_upi_reference_check CHECK (((upi_reference IS NULL) OR (method = 'upi'::text)))
);

COMMENT ON TABLE public.payments IS 'What was paid towards a fee, confirmed by the office or not yet';

COMMENT ON COLUMN public.payments.upi_reference IS 'of the UPI transfer; nobody can claim one twice';

COMMENT ON COLUMN public.payments.confirmed_by_name IS 'kept when the user is deleted';

ALTER TABLE public.payments ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.payments_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.point_transactions (
    id bigint NOT NULL,
    student_id integer NOT NULL,
    amount numeric NOT NULL,
    type text NOT NULL,
    source text DEFAULT 'manual'::text NOT NULL,
    source_id bigint,
    reason text,
    awarded_by integer,
    awarded_by_name text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT point_transactions_amount_check CHECK (((amount <> (0)::numeric) AND (amount > '-Infinity'::numeric) AND (amount < 'Infinity'::numeric))),
    CONSTRAINT point_transactions_source_check CHECK ((source = ANY (ARRAY['assignment'::text, 'attendance'::text, 'journal'::text, 'test'::text, 'shop'::text, 'manual'::text]))),
    CONSTRAINT point_transactions_type_check CHECK ((type = ANY (ARRAY['earned'::text, 'spent'::text, 'refunded'::text, 'adjusted'::text])))
);

COMMENT ON TABLE public.point_transactions IS 'The ledger of points; only grows';

COMMENT ON COLUMN public.point_transactions.amount IS 'given where positive, taken where negative';

COMMENT ON COLUMN public.point_transactions.source_id IS 'the row of the source that it was for; a note, not a reference';

COMMENT ON COLUMN public.point_transactions.awarded_by_name IS 'kept when the user is deleted';

ALTER TABLE public.point_transactions ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.point_transactions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.resources (
    id bigint NOT NULL,
    title text NOT NULL,
    description text,
    kind text NOT NULL,
    url text,
    cloud_url text,
    class_id bigint,
    uploaded_by integer,
    uploaded_by_name text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT resources_kind_check CHECK ((kind = ANY (ARRAY['link'::text, 'document'::text, 'pdf'::text]))),
    CONSTRAINT resources_url_check CHECK ((num_nonnulls(url, cloud_url) > 0))
);

COMMENT ON TABLE public.resources IS 'Links, documents and PDFs to study with, for one class or all';

COMMENT ON COLUMN public.resources.url IS 'where it is: a link, or the path of an uploaded file';

COMMENT ON COLUMN public.resources.cloud_url IS 'where the cloud keeps the file';

COMMENT ON COLUMN public.resources.class_id IS 'NULL: for all classes';

COMMENT ON COLUMN public.resources.uploaded_by_name IS 'kept when the user is deleted';

ALTER TABLE public.resources ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.resources_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.school_classes (
    id bigint NOT NULL,
    academic_year text NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    stream text,
    capacity integer,
    class_teacher_id integer,
    is_active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT school_classes_academic_year_check CHECK (
CASE
    WHEN (academic_year ~ '^[0-9]{4}-[0-9]{4}$'::text) THEN (("right"(academic_year, 4))::integer = (("left"(academic_year, 4))::integer + 1))
    ELSE false
END),
    CONSTRAINT school_classes_capacity_check CHECK ((capacity > 0)),
    CONSTRAINT school_classes_code_check CHECK ((btrim(code) <> ''::text))
);

COMMENT ON TABLE public.school_classes IS 'The classes of each school year';

COMMENT ON COLUMN public.school_classes.academic_year IS 'like 2024-2025';

COMMENT ON COLUMN public.school_classes.code IS 'what the class is called in the timetable, like 7B';

COMMENT ON COLUMN public.school_classes.stream IS 'science, arts, ...; NULL where the school has none';

COMMENT ON COLUMN public.school_classes.capacity IS 'seats; NULL: not limited';

ALTER TABLE public.school_classes ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.school_classes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.settings_changes (
    id bigint NOT NULL,
    setting_key text NOT NULL,
    action text NOT NULL,
    before jsonb,
    after jsonb,
    changed_by integer,
    changed_by_name text,
    database_user text DEFAULT SESSION_USER NOT NULL,
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT settings_changes_action_check CHECK ((action = ANY (ARRAY['insert'::text, 'update'::text, 'delete'::text])))
);

COMMENT ON TABLE public.settings_changes IS 'Every change of a setting, written by a trigger; only grows';

COMMENT ON COLUMN public.settings_changes.setting_key IS 'as it was before the change';

COMMENT ON COLUMN public.settings_changes.changed_by IS 'ourschool.user_id of the session, else updated_by';

COMMENT ON COLUMN public.settings_changes.changed_by_name IS 'kept when the user is deleted';

ALTER TABLE public.settings_changes ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.settings_changes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.shop_items (
    id bigint NOT NULL,
    name text NOT NULL,
    description text,
    cost numeric NOT NULL,
    stock integer,
    picture_url text,
    is_active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT shop_items_cost_check CHECK (((cost > (0)::numeric) AND (cost < 'Infinity'::numeric))),
    CONSTRAINT shop_items_stock_check CHECK ((stock >= 0))
);

COMMENT ON TABLE public.shop_items IS 'What points buy';

COMMENT ON COLUMN public.shop_items.cost IS 'points';

COMMENT ON COLUMN public.shop_items.stock IS 'how many are left; NULL: as many as are wanted';

ALTER TABLE public.shop_items ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.shop_items_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.shop_redemptions (
    id bigint NOT NULL,
    student_id integer NOT NULL,
    item_id bigint NOT NULL,
    item_name text NOT NULL,
    cost numeric NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    transaction_id bigint,
    refund_transaction_id bigint,
    redeemed_at timestamp with time zone DEFAULT now() NOT NULL,
    refunded_at timestamp with time zone,
    processed_by integer,
    processed_by_name text,
    CONSTRAINT shop_redemptions_cost_check CHECK (((cost > (0)::numeric) AND (cost < 'Infinity'::numeric))),
    CONSTRAINT shop_redemptions_refunded_at_check CHECK (((status = 'refunded'::text) = (refunded_at IS NOT NULL))),
    CONSTRAINT shop_redemptions_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'fulfilled'::text, 'refunded'::text])))
);

COMMENT ON TABLE public.shop_redemptions IS 'What students bought for points';

COMMENT ON COLUMN public.shop_redemptions.item_name IS 'as it was; filled from the item where none is given';

COMMENT ON COLUMN public.shop_redemptions.cost IS 'as it was; filled from the item where none is given';

COMMENT ON COLUMN public.shop_redemptions.transaction_id IS 'the ledger''s line that paid for it';

COMMENT ON COLUMN public.shop_redemptions.refund_transaction_id IS 'the ledger''s line that gave the points back';

COMMENT ON COLUMN public.shop_redemptions.processed_by IS 'who handed it out or refunded it';

COMMENT ON COLUMN public.shop_redemptions.processed_by_name IS 'kept when the user is deleted';

ALTER TABLE public.shop_redemptions ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.shop_redemptions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.student_assignments (
    id integer NOT NULL,
    template_id integer NOT NULL,
    student_id integer NOT NULL,
    assigned_date date NOT NULL,
    due_date date,
    extended_due_date date,
    status text DEFAULT 'not_started'::text NOT NULL,
    started_date date,
    completed_date date,
    submitted_date date,
    points_earned numeric,
    percentage_grade numeric,
    letter_grade character varying,
    is_graded boolean DEFAULT false NOT NULL,
    graded_date date,
    graded_by integer,
    teacher_feedback text,
    student_notes text,
    submission_notes text,
    custom_instructions text,
    custom_max_points integer,
    assigned_by integer,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    assigned_by_name text,
    graded_by_name text,
    graded_at timestamp with time zone,
    artifacts jsonb DEFAULT '[]'::jsonb NOT NULL,
    submission_method text,
    CONSTRAINT student_assignments_artifacts_check CHECK ((jsonb_typeof(artifacts) = 'array'::text)),
    CONSTRAINT student_assignments_extended_due_date_check CHECK ((extended_due_date >= due_date)),
    CONSTRAINT student_assignments_graded_at_check CHECK (((status <> 'graded'::text) OR (graded_at IS NOT NULL))),
    CONSTRAINT student_assignments_percentage_grade_check CHECK (((percentage_grade >= (0)::numeric) AND (percentage_grade < 'Infinity'::numeric))),
    CONSTRAINT student_assignments_points_earned_check CHECK (((points_earned >= (0)::numeric) AND (points_earned < 'Infinity'::numeric))),
    CONSTRAINT student_assignments_status_check CHECK ((status = ANY (ARRAY['not_started'::text, 'in_progress'::text, 'submitted'::text, 'graded'::text, 'overdue'::text, 'excused'::text]))),
    CONSTRAINT student_assignments_submission_method_check CHECK ((submission_method = ANY (ARRAY['online'::text, 'paper'::text])))
);

COMMENT ON TABLE public.student_assignments IS 'What each student was given to do, and what became of it';

COMMENT ON COLUMN public.student_assignments.extended_due_date IS 'counts in place of due_date, for this student';

COMMENT ON COLUMN public.student_assignments.submission_notes IS 'what the student wrote beside the work';

COMMENT ON COLUMN public.student_assignments.custom_instructions IS 'in place of the template''s, for this student';

COMMENT ON COLUMN public.student_assignments.custom_max_points IS 'in place of the template''s, for this student';

COMMENT ON COLUMN public.student_assignments.assigned_by_name IS 'kept when the user is deleted';

COMMENT ON COLUMN public.student_assignments.graded_by_name IS 'kept when the user is deleted';

COMMENT ON COLUMN public.student_assignments.graded_at IS 'known to the day alone where it is midnight UTC';

COMMENT ON COLUMN public.student_assignments.artifacts IS 'what the student handed in, a list of links and files';

COMMENT ON COLUMN public.student_assignments.submission_method IS 'online or paper; NULL: not known';

ALTER TABLE public.student_assignments ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.student_assignments_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.student_points (
    id bigint NOT NULL,
    student_id integer NOT NULL,
    balance numeric DEFAULT 0 NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.student_points IS 'The balance of each student; the database keeps it from point_transactions, nobody else may';

COMMENT ON COLUMN public.student_points.balance IS 'the sum of the ledger''s amounts';

ALTER TABLE public.student_points ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.student_points_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.student_profiles (
    id bigint NOT NULL,
    student_id integer NOT NULL,
    class_id bigint,
    roll_number integer,
    reg_no text,
    guardian_phone text,
    student_phone text,
    school_name text,
    picture_url text,
    pending_popup text,
    last_seen_notification_id bigint,
    last_seen_test_id bigint,
    last_seen_resource_id bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT student_profiles_roll_number_check CHECK ((roll_number > 0))
);

COMMENT ON TABLE public.student_profiles IS 'What the school knows of a student beyond the account; one row a student';

COMMENT ON COLUMN public.student_profiles.class_id IS 'the class of today; which ones there were, enrollments knows';

COMMENT ON COLUMN public.student_profiles.roll_number IS 'the place in the class''s roll';

COMMENT ON COLUMN public.student_profiles.reg_no IS 'the school''s own registration number';

COMMENT ON COLUMN public.student_profiles.school_name IS 'the school that the student goes to in the mornings';

COMMENT ON COLUMN public.student_profiles.pending_popup IS 'shown once at the next sign-in, then NULL';

COMMENT ON COLUMN public.student_profiles.last_seen_notification_id IS 'newest notification shown; a mark, not a reference';

COMMENT ON COLUMN public.student_profiles.last_seen_test_id IS 'newest test shown; a mark, not a reference';

COMMENT ON COLUMN public.student_profiles.last_seen_resource_id IS 'newest resource shown; a mark, not a reference';

ALTER TABLE public.student_profiles ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.student_profiles_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.student_term_grades (
    id integer NOT NULL,
    student_id integer NOT NULL,
    term_subject_id integer NOT NULL,
    current_points_earned numeric,
    current_points_possible numeric,
    current_percentage numeric,
    current_letter_grade character varying,
    final_points_earned numeric,
    final_points_possible numeric,
    final_percentage numeric,
    final_letter_grade character varying,
    is_finalized boolean DEFAULT false NOT NULL,
    finalized_date date,
    finalized_by integer,
    assignments_completed integer DEFAULT 0 NOT NULL,
    assignments_total integer DEFAULT 0 NOT NULL,
    attendance_rate numeric,
    progress_notes text,
    student_reflection text,
    parent_notes text,
    learning_goals text,
    areas_for_improvement text,
    strengths text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    last_calculated timestamp with time zone,
    finalized_by_name text,
    finalized_at timestamp with time zone,
    CONSTRAINT student_term_grades_attendance_rate_check CHECK (((attendance_rate >= (0)::numeric) AND (attendance_rate < 'Infinity'::numeric))),
    CONSTRAINT student_term_grades_current_percentage_check CHECK (((current_percentage >= (0)::numeric) AND (current_percentage < 'Infinity'::numeric))),
    CONSTRAINT student_term_grades_current_points_earned_check CHECK (((current_points_earned >= (0)::numeric) AND (current_points_earned < 'Infinity'::numeric))),
    CONSTRAINT student_term_grades_current_points_possible_check CHECK (((current_points_possible >= (0)::numeric) AND (current_points_possible < 'Infinity'::numeric))),
    CONSTRAINT student_term_grades_final_percentage_check CHECK (((final_percentage >= (0)::numeric) AND (final_percentage < 'Infinity'::numeric))),
    CONSTRAINT student_term_grades_final_points_earned_check CHECK (((final_points_earned >= (0)::numeric) AND (final_points_earned < 'Infinity'::numeric))),
    CONSTRAINT student_term_grades_final_points_possible_check CHECK (((final_points_possible >= (0)::numeric) AND (final_points_possible < 'Infinity'::numeric))),
    CONSTRAINT student_term_grades_finalized_at_check CHECK ((is_finalized = (finalized_at IS NOT NULL)))
);

COMMENT ON TABLE public.student_term_grades IS 'A student''s standing in one subject of one term';

COMMENT ON COLUMN public.student_term_grades.last_calculated IS 'when the current values were worked out; NULL: never';

COMMENT ON COLUMN public.student_term_grades.finalized_by_name IS 'kept when the user is deleted';

COMMENT ON COLUMN public.student_term_grades.finalized_at IS 'known to the day alone where it is midnight UTC';

ALTER TABLE public.student_term_grades ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.student_term_grades_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.subjects (
    id integer NOT NULL,
    name character varying NOT NULL,
    description text,
    color character varying DEFAULT '#3B82F6'::character varying NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT subjects_color_check CHECK (((color)::text ~ '^#[0-9A-Fa-f]{6}$'::text))
);

COMMENT ON TABLE public.subjects IS 'What the school teaches';

COMMENT ON COLUMN public.subjects.name IS 'unique whatever its case';

COMMENT ON COLUMN public.subjects.color IS 'in timetables, like #3B82F6';

ALTER TABLE public.subjects ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subjects_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.system_settings (
    id bigint NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    type text DEFAULT 'string'::text NOT NULL,
    description text,
    is_public boolean DEFAULT false NOT NULL,
    updated_by integer,
    updated_by_name text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT system_settings_key_check CHECK ((btrim(key) <> ''::text)),
    CONSTRAINT system_settings_type_check CHECK ((type = ANY (ARRAY['boolean'::text, 'integer'::text, 'string'::text, 'json'::text]))),
    CONSTRAINT system_settings_value_check CHECK (
CASE type
    WHEN 'boolean'::text THEN (value = ANY (ARRAY['true'::text, 'false'::text]))
    WHEN 'integer'::text THEN (value ~ '^(0|-?[1-9][0-9]{0,17})$'::text)
    WHEN 'json'::text THEN public.is_json(value)
    ELSE true
END)
);

COMMENT ON TABLE public.system_settings IS 'The settings of the application; every change is in settings_changes';

COMMENT ON COLUMN public.system_settings.value IS 'parses as its type';

COMMENT ON COLUMN public.system_settings.is_public IS 'whether those who are not signed in may read it';

COMMENT ON COLUMN public.system_settings.updated_by_name IS 'kept when the user is deleted';

ALTER TABLE public.system_settings ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.system_settings_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.term_subjects (
    id integer NOT NULL,
    term_id integer NOT NULL,
    subject_id integer NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    weight numeric DEFAULT 1.0 NOT NULL,
    grading_scale jsonb,
    learning_goals text,
    teacher_notes text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT term_subjects_weight_check CHECK (((weight >= (0)::numeric) AND (weight < 'Infinity'::numeric)))
);

COMMENT ON TABLE public.term_subjects IS 'What is taught in a term, and how much it counts';

ALTER TABLE public.term_subjects ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.term_subjects_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.terms (
    id integer NOT NULL,
    name character varying NOT NULL,
    description text,
    start_date date NOT NULL,
    end_date date NOT NULL,
    academic_year character varying NOT NULL,
    term_type text DEFAULT 'custom'::text NOT NULL,
    is_active boolean DEFAULT false NOT NULL,
    term_order integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    created_by integer,
    created_by_name text,
    CONSTRAINT terms_academic_year_check CHECK (
CASE
    WHEN ((academic_year)::text ~ '^[0-9]{4}-[0-9]{4}$'::text) THEN (("right"((academic_year)::text, 4))::integer = (("left"((academic_year)::text, 4))::integer + 1))
    ELSE false
END),
    CONSTRAINT terms_end_date_check CHECK ((end_date > start_date)),
    CONSTRAINT terms_term_type_check CHECK ((term_type = ANY (ARRAY['semester'::text, 'quarter'::text, 'trimester'::text, 'custom'::text])))
);

COMMENT ON TABLE public.terms IS 'Stretches of a school year for which grades are given';

COMMENT ON COLUMN public.terms.end_date IS 'the last day of the term';

COMMENT ON COLUMN public.terms.academic_year IS 'like 2024-2025';

COMMENT ON COLUMN public.terms.is_active IS 'the term that pages show; at most one is';

COMMENT ON COLUMN public.terms.term_order IS 'place in lists';

COMMENT ON COLUMN public.terms.created_by_name IS 'kept when the user is deleted';

ALTER TABLE public.terms ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.terms_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.tests (
    id bigint NOT NULL,
    title text NOT NULL,
    description text,
    subject_id integer,
    class_id bigint,
    held_on date NOT NULL,
    max_marks numeric NOT NULL,
    question_paper_url text,
    created_by integer,
    created_by_name text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT tests_max_marks_check CHECK (((max_marks > (0)::numeric) AND (max_marks < 'Infinity'::numeric)))
);

COMMENT ON TABLE public.tests IS 'Tests that a class or the whole school sits';

COMMENT ON COLUMN public.tests.class_id IS 'NULL: all classes';

COMMENT ON COLUMN public.tests.max_marks IS 'cannot become less than a mark that was given';

COMMENT ON COLUMN public.tests.created_by_name IS 'kept when the user is deleted';

ALTER TABLE public.tests ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tests_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.user_sessions (
    id bigint NOT NULL,
    user_id integer NOT NULL,
    token_hash text NOT NULL,
    ip_address inet,
    user_agent text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_seen_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone DEFAULT (now() + '30 days'::interval) NOT NULL,
    revoked_at timestamp with time zone,
    CONSTRAINT user_sessions_expires_at_check CHECK ((expires_at > created_at))
);

COMMENT ON TABLE public.user_sessions IS 'Who is signed in on which device';

COMMENT ON COLUMN public.user_sessions.token_hash IS 'SHA-256 of the token; the token itself is nowhere';

COMMENT ON COLUMN public.user_sessions.revoked_at IS 'signed out or thrown out; NULL: live';

ALTER TABLE public.user_sessions ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.user_sessions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.users (
    id integer NOT NULL,
    email character varying NOT NULL,
    username character varying NOT NULL,
    hashed_password character varying NOT NULL,
    first_name character varying NOT NULL,
    last_name character varying NOT NULL,
    role text NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    parent_id integer,
    date_of_birth date,
    grade_level integer,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    failed_login_attempts integer DEFAULT 0 NOT NULL,
    locked_until timestamp with time zone,
    last_failed_login_at timestamp with time zone,
    must_change_password boolean DEFAULT false NOT NULL,
    theme text DEFAULT 'system'::text NOT NULL,
    external_id uuid DEFAULT gen_random_uuid() NOT NULL,
    CONSTRAINT users_failed_login_attempts_check CHECK ((failed_login_attempts >= 0)),
    CONSTRAINT users_grade_level_check CHECK (((grade_level >= '-1'::integer) AND (grade_level <= 13))),
    CONSTRAINT users_parent_id_check CHECK ((parent_id <> id)),
    CONSTRAINT users_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'teacher'::text, 'guardian'::text, 'student'::text]))),
    CONSTRAINT users_theme_check CHECK ((theme = ANY (ARRAY['system'::text, 'light'::text, 'dark'::text])))
);

COMMENT ON TABLE public.users IS 'Everyone who signs in or is looked after';

COMMENT ON COLUMN public.users.email IS 'unique whatever its case, among those who are not deleted';

COMMENT ON COLUMN public.users.username IS 'for signing in; unique whatever its case, among those who are not deleted';

COMMENT ON COLUMN public.users.hashed_password IS 'with its algorithm and salt, as the password library writes it';

COMMENT ON COLUMN public.users.is_active IS 'whether the user may sign in';

COMMENT ON COLUMN public.users.parent_id IS 'one who looks after this student; guardianships knows all';

COMMENT ON COLUMN public.users.grade_level IS '-1 pre-school, 0 kindergarten, then 1 to 13';

COMMENT ON COLUMN public.users.deleted_at IS 'the account is closed since; its email and username are free';

COMMENT ON COLUMN public.users.failed_login_attempts IS 'in a row, since the last success';

COMMENT ON COLUMN public.users.locked_until IS 'no sign-in before this; NULL: not locked';

COMMENT ON COLUMN public.users.must_change_password IS 'asked for a new password at the next sign-in';

COMMENT ON COLUMN public.users.external_id IS 'what other systems know the person by; never changes';

ALTER TABLE public.users ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.users_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.withdrawal_requests (
    id bigint NOT NULL,
    student_id integer NOT NULL,
    reason text,
    status text DEFAULT 'pending'::text NOT NULL,
    response text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    processed_at timestamp with time zone,
    processed_by integer,
    processed_by_name text,
    CONSTRAINT withdrawal_requests_processed_at_check CHECK (((status = 'pending'::text) = (processed_at IS NULL))),
    CONSTRAINT withdrawal_requests_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'approved'::text, 'rejected'::text])))
);

COMMENT ON TABLE public.withdrawal_requests IS 'Students'' wishes to leave the school; at most one is pending a student';

COMMENT ON COLUMN public.withdrawal_requests.response IS 'what the office told the student';

COMMENT ON COLUMN public.withdrawal_requests.processed_by_name IS 'kept when the user is deleted';

ALTER TABLE public.withdrawal_requests ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.withdrawal_requests_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

REVOKE ALL ON FUNCTION public.keep_awarder_name() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.keep_balance() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.keep_item_as_it_was() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.keep_marks_maximum() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.keep_name() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.record_settings_change() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.refuse_change() FROM PUBLIC;



INSERT INTO public.alembic_version ("version_num") OVERRIDING SYSTEM VALUE VALUES
('d870f86ab19d');

INSERT INTO public.assignment_types ("id", "key", "name", "weight", "created_at") OVERRIDING SYSTEM VALUE VALUES
('1', 'homework', 'Homework', '1', DEFAULT),
('2', 'project', 'Project', '1', DEFAULT),
('3', 'test', 'Test', '1', DEFAULT),
('4', 'quiz', 'Quiz', '1', DEFAULT),
('5', 'essay', 'Essay', '1', DEFAULT),
('6', 'presentation', 'Presentation', '1', DEFAULT),
('7', 'worksheet', 'Worksheet', '1', DEFAULT),
('8', 'reading', 'Reading', '1', DEFAULT),
('9', 'practice', 'Practice', '1', DEFAULT);

INSERT INTO public.migration_definitions ("id", "what", "schema_name", "table_name", "column_name", "revision", "direction", "retired_at", "thing", "statements") OVERRIDING SYSTEM VALUE VALUES
('1', 'column', 'public', 'assignment_templates', 'difficulty_level', '2f7d60c3be91', 'upgrade', '1970-01-01 00:00:00+00', '{"id": 1, "rows": 0, "what": "column", "bytes": 0, "revision": "2f7d60c3be91", "direction": "upgrade", "stands_as": "__retired_2f7d60c3be91_difficulty_level", "retired_at": "1970-01-01T00:00:00+00:00", "retired_by": "", "table_name": "assignment_templates", "column_name": "difficulty_level", "coming_back": false, "definitions": {"default": null, "indexes": [], "not_null": false, "relation": "public.assignment_templates", "triggers": [], "sequences": [], "constraints": [], "not_null_valid": true}, "readable_as": "assignment_templates_difficulty_level_2f7d60c3be91", "schema_name": "public"}', '[{"after": " add column __retired_2f7d60c3be91_difficulty_level public.difficultylevel", "before": "alter table "}]'),
('2', 'column', 'public', 'lessons', 'difficulty_level', '2f7d60c3be91', 'upgrade', '1970-01-01 00:00:00+00', '{"id": 2, "rows": 0, "what": "column", "bytes": 0, "revision": "2f7d60c3be91", "direction": "upgrade", "stands_as": "__retired_2f7d60c3be91_difficulty_level", "retired_at": "1970-01-01T00:00:00+00:00", "retired_by": "", "table_name": "lessons", "column_name": "difficulty_level", "coming_back": false, "definitions": {"default": null, "indexes": [], "not_null": false, "relation": "public.lessons", "triggers": [], "sequences": [], "constraints": [], "not_null_valid": true}, "readable_as": "lessons_difficulty_level_2f7d60c3be91", "schema_name": "public"}', '[{"after": " add column __retired_2f7d60c3be91_difficulty_level public.difficultylevel", "before": "alter table "}]'),
('3', 'column', 'public', 'student_assignments', 'time_spent_minutes', '01314a237f6e', 'upgrade', '1970-01-01 00:00:00+00', '{"id": 1, "rows": 0, "what": "column", "bytes": 0, "revision": "01314a237f6e", "direction": "upgrade", "stands_as": "__retired_01314a237f6e_time_spent_minutes", "retired_at": "1970-01-01T00:00:00+00:00", "retired_by": "", "table_name": "student_assignments", "column_name": "time_spent_minutes", "coming_back": false, "definitions": {"default": "0", "indexes": [], "not_null": true, "relation": "public.student_assignments", "triggers": [], "sequences": [], "constraints": [], "not_null_valid": true}, "readable_as": "student_assignments_time_spent_minutes_01314a237f6e", "schema_name": "public"}', '[{"after": " add column __retired_01314a237f6e_time_spent_minutes integer", "before": "alter table "}]'),
('4', 'column', 'public', 'assignment_templates', 'order_in_lesson', '28bd94ce4cd6', 'upgrade', '1970-01-01 00:00:00+00', '{"id": 1, "rows": 0, "what": "column", "bytes": 0, "revision": "28bd94ce4cd6", "direction": "upgrade", "stands_as": "__retired_28bd94ce4cd6_order_in_lesson", "retired_at": "1970-01-01T00:00:00+00:00", "retired_by": "", "table_name": "assignment_templates", "column_name": "order_in_lesson", "coming_back": false, "definitions": {"default": "0", "indexes": [], "not_null": true, "relation": "public.assignment_templates", "triggers": [], "sequences": [], "constraints": [], "not_null_valid": true}, "readable_as": "assignment_templates_order_in_lesson_28bd94ce4cd6", "schema_name": "public"}', '[{"after": " add column __retired_28bd94ce4cd6_order_in_lesson integer", "before": "alter table "}]'),
('5', 'column', 'public', 'assignment_templates', 'lesson_id', '28bd94ce4cd6', 'upgrade', '1970-01-01 00:00:00+00', '{"id": 2, "rows": 0, "what": "column", "bytes": 0, "revision": "28bd94ce4cd6", "direction": "upgrade", "stands_as": "__retired_28bd94ce4cd6_lesson_id", "retired_at": "1970-01-01T00:00:00+00:00", "retired_by": "", "table_name": "assignment_templates", "column_name": "lesson_id", "coming_back": false, "definitions": {"default": null, "indexes": [{"keys": null, "name": "ix_assignment_templates_lesson_id", "needs": ["__retired_28bd94ce4cd6_lesson_id"], "comment": null, "nulls_too": false, "predicate": null, "definition": "CREATE INDEX ix_assignment_templates_lesson_id ON public.assignment_templates USING btree (__retired_28bd94ce4cd6_lesson_id)"}], "not_null": false, "relation": "public.assignment_templates", "triggers": [], "sequences": [], "constraints": [{"kind": "f", "name": "assignment_templates_lesson_id_fkey", "table": "public.assignment_templates", "valid": true, "columns": ["__retired_28bd94ce4cd6_lesson_id"], "comment": null, "deferred": false, "referent": "public.lessons", "referred": ["id"], "condition": null, "deferrable": false, "definition": "FOREIGN KEY (__retired_28bd94ce4cd6_lesson_id) REFERENCES public.lessons(id) ON DELETE RESTRICT"}], "not_null_valid": true}, "readable_as": "assignment_templates_lesson_id_28bd94ce4cd6", "schema_name": "public"}', '[{"after": " add column __retired_28bd94ce4cd6_lesson_id integer", "before": "alter table "}]');


update public.migration_definitions
   set retired_at = now(),
       thing = thing || jsonb_build_object('retired_at', now(), 'retired_by', current_user);

SELECT pg_catalog.setval('public.assignment_types_id_seq', 9, true);

SELECT pg_catalog.setval('public.migration_definitions_id_seq', 5, true);



ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.assignment_templates
    ADD CONSTRAINT assignment_templates_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.assignment_time_entries
    ADD CONSTRAINT assignment_time_entries_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.assignment_types
    ADD CONSTRAINT assignment_types_key_key UNIQUE (key);

ALTER TABLE ONLY public.assignment_types
    ADD CONSTRAINT assignment_types_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.attendance_records
    ADD CONSTRAINT attendance_records_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.attendance_records
    ADD CONSTRAINT attendance_records_student_id_date_key UNIQUE (student_id, date);

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.enrollments
    ADD CONSTRAINT enrollments_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.fees
    ADD CONSTRAINT fees_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.fees
    ADD CONSTRAINT fees_student_id_period_key UNIQUE (student_id, period);

ALTER TABLE ONLY public.grade_history
    ADD CONSTRAINT grade_history_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.guardianships
    ADD CONSTRAINT guardianships_guardian_id_student_id_key UNIQUE (guardian_id, student_id);

ALTER TABLE ONLY public.guardianships
    ADD CONSTRAINT guardianships_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.journal_entries
    ADD CONSTRAINT journal_entries_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.journal_replies
    ADD CONSTRAINT journal_replies_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.lesson_assignments
    ADD CONSTRAINT lesson_assignments_lesson_id_assignment_template_id_key UNIQUE (lesson_id, assignment_template_id);

ALTER TABLE ONLY public.lesson_assignments
    ADD CONSTRAINT lesson_assignments_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.lessons
    ADD CONSTRAINT lessons_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.marks
    ADD CONSTRAINT marks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.marks
    ADD CONSTRAINT marks_test_id_student_id_key UNIQUE (test_id, student_id);

ALTER TABLE ONLY public.migration_definitions
    ADD CONSTRAINT migration_definitions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.migration_journal
    ADD CONSTRAINT migration_journal_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.notification_reads
    ADD CONSTRAINT notification_reads_notification_id_user_id_key UNIQUE (notification_id, user_id);

ALTER TABLE ONLY public.notification_reads
    ADD CONSTRAINT notification_reads_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.notifications
    ADD CONSTRAINT notifications_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_upi_reference_key UNIQUE (upi_reference);

ALTER TABLE ONLY public.point_transactions
    ADD CONSTRAINT point_transactions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.resources
    ADD CONSTRAINT resources_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.school_classes
    ADD CONSTRAINT school_classes_academic_year_code_key UNIQUE (academic_year, code);

ALTER TABLE ONLY public.school_classes
    ADD CONSTRAINT school_classes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.settings_changes
    ADD CONSTRAINT settings_changes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.shop_items
    ADD CONSTRAINT shop_items_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.shop_redemptions
    ADD CONSTRAINT shop_redemptions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.shop_redemptions
    ADD CONSTRAINT shop_redemptions_refund_transaction_id_key UNIQUE (refund_transaction_id);

ALTER TABLE ONLY public.shop_redemptions
    ADD CONSTRAINT shop_redemptions_transaction_id_key UNIQUE (transaction_id);

ALTER TABLE ONLY public.student_assignments
    ADD CONSTRAINT student_assignments_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.student_points
    ADD CONSTRAINT student_points_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.student_points
    ADD CONSTRAINT student_points_student_id_key UNIQUE (student_id);

ALTER TABLE ONLY public.student_profiles
    ADD CONSTRAINT student_profiles_class_id_roll_number_key UNIQUE (class_id, roll_number);

ALTER TABLE ONLY public.student_profiles
    ADD CONSTRAINT student_profiles_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.student_profiles
    ADD CONSTRAINT student_profiles_reg_no_key UNIQUE (reg_no);

ALTER TABLE ONLY public.student_profiles
    ADD CONSTRAINT student_profiles_student_id_key UNIQUE (student_id);

ALTER TABLE ONLY public.student_term_grades
    ADD CONSTRAINT student_term_grades_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.student_term_grades
    ADD CONSTRAINT student_term_grades_student_id_term_subject_id_key UNIQUE (student_id, term_subject_id);

ALTER TABLE ONLY public.subjects
    ADD CONSTRAINT subjects_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.system_settings
    ADD CONSTRAINT system_settings_key_key UNIQUE (key);

ALTER TABLE ONLY public.system_settings
    ADD CONSTRAINT system_settings_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.term_subjects
    ADD CONSTRAINT term_subjects_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.term_subjects
    ADD CONSTRAINT term_subjects_term_id_subject_id_key UNIQUE (term_id, subject_id);

ALTER TABLE ONLY public.terms
    ADD CONSTRAINT terms_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.tests
    ADD CONSTRAINT tests_id_max_marks_key UNIQUE (id, max_marks);

ALTER TABLE ONLY public.tests
    ADD CONSTRAINT tests_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.user_sessions
    ADD CONSTRAINT user_sessions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.user_sessions
    ADD CONSTRAINT user_sessions_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_external_id_key UNIQUE (external_id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.withdrawal_requests
    ADD CONSTRAINT withdrawal_requests_pkey PRIMARY KEY (id);

CREATE UNIQUE INDEX ix_api_keys_prefix ON public.api_keys USING btree (prefix) WHERE is_active;

CREATE INDEX ix_api_keys_user_id ON public.api_keys USING btree (user_id);

CREATE INDEX ix_assignment_templates_assignment_type ON public.assignment_templates USING btree (assignment_type);

CREATE INDEX ix_assignment_templates_created_by ON public.assignment_templates USING btree (created_by);

CREATE INDEX ix_assignment_templates_subject_id ON public.assignment_templates USING btree (subject_id);

CREATE INDEX ix_assignment_time_entries_assignment_id ON public.assignment_time_entries USING btree (assignment_id);

CREATE INDEX ix_audit_log_actor_id ON public.audit_log USING btree (actor_id);

CREATE INDEX ix_audit_log_entity_entity_id_occurred_at ON public.audit_log USING btree (entity, entity_id, occurred_at DESC);

CREATE INDEX ix_enrollments_class_id ON public.enrollments USING btree (class_id);

CREATE UNIQUE INDEX ix_enrollments_student_id_class_id_open ON public.enrollments USING btree (student_id, class_id) WHERE (left_on IS NULL);

CREATE INDEX ix_enrollments_student_id_joined_on ON public.enrollments USING btree (student_id, joined_on);

CREATE INDEX ix_fees_due_on ON public.fees USING btree (due_on) WHERE (paid_at IS NULL);

CREATE INDEX ix_grade_history_assignment_id ON public.grade_history USING btree (assignment_id);

CREATE INDEX ix_grade_history_changed_by ON public.grade_history USING btree (changed_by);

CREATE INDEX ix_grade_history_student_term_grade_id ON public.grade_history USING btree (student_term_grade_id);

CREATE INDEX ix_guardianships_student_id ON public.guardianships USING btree (student_id);

CREATE UNIQUE INDEX ix_guardianships_student_id_primary ON public.guardianships USING btree (student_id) WHERE is_primary;

CREATE INDEX ix_journal_entries_author_id ON public.journal_entries USING btree (author_id);

CREATE INDEX ix_journal_entries_student_id_entry_date_id ON public.journal_entries USING btree (student_id, entry_date DESC, id DESC);

CREATE INDEX ix_journal_replies_author_id ON public.journal_replies USING btree (author_id);

CREATE INDEX ix_journal_replies_entry_id_created_at ON public.journal_replies USING btree (entry_id, created_at);

CREATE INDEX ix_lesson_assignments_assignment_template_id ON public.lesson_assignments USING btree (assignment_template_id);

CREATE INDEX ix_marks_marked_by ON public.marks USING btree (marked_by);

CREATE INDEX ix_marks_student_id ON public.marks USING btree (student_id);

CREATE INDEX ix_notification_reads_user_id ON public.notification_reads USING btree (user_id);

CREATE INDEX ix_notifications_class_id ON public.notifications USING btree (class_id);

CREATE INDEX ix_notifications_created_at ON public.notifications USING btree (created_at) WHERE to_all;

CREATE INDEX ix_notifications_sent_by ON public.notifications USING btree (sent_by);

CREATE INDEX ix_notifications_user_id ON public.notifications USING btree (user_id);

CREATE INDEX ix_payments_confirmed_by ON public.payments USING btree (confirmed_by);

CREATE INDEX ix_payments_created_at ON public.payments USING btree (created_at) WHERE (status = 'pending'::text);

CREATE INDEX ix_payments_fee_id ON public.payments USING btree (fee_id);

CREATE INDEX ix_point_transactions_awarded_by ON public.point_transactions USING btree (awarded_by);

CREATE INDEX ix_point_transactions_created_at_id ON public.point_transactions USING btree (created_at DESC, id DESC);

CREATE INDEX ix_point_transactions_student_id_created_at_id ON public.point_transactions USING btree (student_id, created_at DESC, id DESC);

CREATE INDEX ix_point_transactions_student_id_type_source ON public.point_transactions USING btree (student_id, type, source) INCLUDE (amount);

CREATE INDEX ix_resources_class_id ON public.resources USING btree (class_id);

CREATE INDEX ix_resources_title ON public.resources USING gin (to_tsvector('simple'::regconfig, title));

CREATE INDEX ix_resources_uploaded_by ON public.resources USING btree (uploaded_by);

CREATE INDEX ix_school_classes_class_teacher_id ON public.school_classes USING btree (class_teacher_id);

CREATE INDEX ix_settings_changes_changed_by ON public.settings_changes USING btree (changed_by);

CREATE INDEX ix_settings_changes_setting_key_changed_at ON public.settings_changes USING btree (setting_key, changed_at DESC);

CREATE INDEX ix_shop_redemptions_item_id ON public.shop_redemptions USING btree (item_id);

CREATE INDEX ix_shop_redemptions_processed_by ON public.shop_redemptions USING btree (processed_by);

CREATE INDEX ix_shop_redemptions_student_id ON public.shop_redemptions USING btree (student_id);

CREATE INDEX ix_student_assignments_assigned_by ON public.student_assignments USING btree (assigned_by);

CREATE INDEX ix_student_assignments_coalesce_open ON public.student_assignments USING btree (COALESCE(extended_due_date, due_date)) WHERE (status = ANY (ARRAY['not_started'::text, 'in_progress'::text, 'overdue'::text]));

CREATE INDEX ix_student_assignments_graded_at ON public.student_assignments USING btree (graded_at) WHERE (graded_at IS NOT NULL);

CREATE INDEX ix_student_assignments_graded_by ON public.student_assignments USING btree (graded_by);

CREATE INDEX ix_student_assignments_student_id_coalesce ON public.student_assignments USING btree (student_id, COALESCE(extended_due_date, due_date, assigned_date));

CREATE INDEX ix_student_assignments_template_id ON public.student_assignments USING btree (template_id);

CREATE INDEX ix_student_term_grades_finalized_by ON public.student_term_grades USING btree (finalized_by);

CREATE INDEX ix_student_term_grades_term_subject_id ON public.student_term_grades USING btree (term_subject_id);

CREATE UNIQUE INDEX ix_subjects_lower_name ON public.subjects USING btree (lower((name)::text));

CREATE INDEX ix_system_settings_updated_by ON public.system_settings USING btree (updated_by);

CREATE INDEX ix_term_subjects_subject_id ON public.term_subjects USING btree (subject_id);

CREATE INDEX ix_terms_created_by ON public.terms USING btree (created_by);

CREATE UNIQUE INDEX ix_terms_is_active ON public.terms USING btree (is_active) WHERE is_active;

CREATE INDEX ix_tests_class_id_held_on ON public.tests USING btree (class_id, held_on);

CREATE INDEX ix_tests_created_by ON public.tests USING btree (created_by);

CREATE INDEX ix_tests_subject_id ON public.tests USING btree (subject_id);

CREATE INDEX ix_user_sessions_expires_at ON public.user_sessions USING btree (expires_at) WHERE (revoked_at IS NULL);

CREATE INDEX ix_user_sessions_user_id ON public.user_sessions USING btree (user_id);

CREATE INDEX ix_users_locked_until ON public.users USING btree (locked_until) WHERE (locked_until IS NOT NULL);

CREATE UNIQUE INDEX ix_users_lower_email ON public.users USING btree (lower((email)::text)) WHERE (deleted_at IS NULL);

CREATE UNIQUE INDEX ix_users_lower_username ON public.users USING btree (lower((username)::text)) WHERE (deleted_at IS NULL);

CREATE INDEX ix_users_parent_id ON public.users USING btree (parent_id);

CREATE INDEX ix_withdrawal_requests_processed_by ON public.withdrawal_requests USING btree (processed_by);

CREATE INDEX ix_withdrawal_requests_student_id ON public.withdrawal_requests USING btree (student_id);

CREATE UNIQUE INDEX ix_withdrawal_requests_student_id_pending ON public.withdrawal_requests USING btree (student_id) WHERE (status = 'pending'::text);

CREATE TRIGGER assignment_templates_created_by_named BEFORE INSERT ON public.assignment_templates FOR EACH ROW WHEN (((new.created_by IS NOT NULL) AND (new.created_by_name IS NULL))) EXECUTE FUNCTION public.keep_name('created_by', 'created_by_name');

CREATE TRIGGER assignment_templates_created_by_renamed BEFORE UPDATE OF created_by ON public.assignment_templates FOR EACH ROW WHEN (((new.created_by IS NOT NULL) AND (new.created_by IS DISTINCT FROM old.created_by) AND ((new.created_by_name IS NULL) OR (NOT (new.created_by_name IS DISTINCT FROM old.created_by_name))))) EXECUTE FUNCTION public.keep_name('created_by', 'created_by_name');

CREATE TRIGGER audit_log_actor_id_renamed BEFORE UPDATE OF actor_id ON public.audit_log FOR EACH ROW WHEN (((new.actor_id IS NOT NULL) AND (new.actor_id IS DISTINCT FROM old.actor_id) AND ((new.actor_name IS NULL) OR (NOT (new.actor_name IS DISTINCT FROM old.actor_name))))) EXECUTE FUNCTION public.keep_name('actor_id', 'actor_name');

CREATE TRIGGER audit_log_actor_named BEFORE INSERT ON public.audit_log FOR EACH ROW WHEN (((new.actor_id IS NOT NULL) AND (new.actor_name IS NULL))) EXECUTE FUNCTION public.keep_name('actor_id', 'actor_name');

CREATE TRIGGER audit_log_append_only BEFORE DELETE OR UPDATE ON public.audit_log FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER audit_log_never_truncated BEFORE TRUNCATE ON public.audit_log FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER grade_history_append_only BEFORE DELETE OR UPDATE ON public.grade_history FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER grade_history_changed_by_named BEFORE INSERT ON public.grade_history FOR EACH ROW WHEN (((new.changed_by IS NOT NULL) AND (new.changed_by_name IS NULL))) EXECUTE FUNCTION public.keep_name('changed_by', 'changed_by_name');

CREATE TRIGGER grade_history_changed_by_renamed BEFORE UPDATE OF changed_by ON public.grade_history FOR EACH ROW WHEN (((new.changed_by IS NOT NULL) AND (new.changed_by IS DISTINCT FROM old.changed_by) AND ((new.changed_by_name IS NULL) OR (NOT (new.changed_by_name IS DISTINCT FROM old.changed_by_name))))) EXECUTE FUNCTION public.keep_name('changed_by', 'changed_by_name');

CREATE TRIGGER grade_history_never_truncated BEFORE TRUNCATE ON public.grade_history FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER journal_entries_author_id_renamed BEFORE UPDATE OF author_id ON public.journal_entries FOR EACH ROW WHEN (((new.author_id IS NOT NULL) AND (new.author_id IS DISTINCT FROM old.author_id) AND ((new.author_name IS NULL) OR (NOT (new.author_name IS DISTINCT FROM old.author_name))))) EXECUTE FUNCTION public.keep_name('author_id', 'author_name');

CREATE TRIGGER journal_entries_author_named BEFORE INSERT ON public.journal_entries FOR EACH ROW WHEN (((new.author_id IS NOT NULL) AND (new.author_name IS NULL))) EXECUTE FUNCTION public.keep_name('author_id', 'author_name');

CREATE TRIGGER journal_replies_author_id_renamed BEFORE UPDATE OF author_id ON public.journal_replies FOR EACH ROW WHEN (((new.author_id IS NOT NULL) AND (new.author_id IS DISTINCT FROM old.author_id) AND ((new.author_name IS NULL) OR (NOT (new.author_name IS DISTINCT FROM old.author_name))))) EXECUTE FUNCTION public.keep_name('author_id', 'author_name');

CREATE TRIGGER journal_replies_author_named BEFORE INSERT ON public.journal_replies FOR EACH ROW WHEN (((new.author_id IS NOT NULL) AND (new.author_name IS NULL))) EXECUTE FUNCTION public.keep_name('author_id', 'author_name');

CREATE TRIGGER marks_marked_by_named BEFORE INSERT ON public.marks FOR EACH ROW WHEN (((new.marked_by IS NOT NULL) AND (new.marked_by_name IS NULL))) EXECUTE FUNCTION public.keep_name('marked_by', 'marked_by_name');

CREATE TRIGGER marks_marked_by_renamed BEFORE UPDATE OF marked_by ON public.marks FOR EACH ROW WHEN (((new.marked_by IS NOT NULL) AND (new.marked_by IS DISTINCT FROM old.marked_by) AND ((new.marked_by_name IS NULL) OR (NOT (new.marked_by_name IS DISTINCT FROM old.marked_by_name))))) EXECUTE FUNCTION public.keep_name('marked_by', 'marked_by_name');

CREATE TRIGGER marks_max_marks_kept BEFORE INSERT OR UPDATE OF test_id, max_marks ON public.marks FOR EACH ROW EXECUTE FUNCTION public.keep_marks_maximum();

CREATE TRIGGER notifications_sent_by_named BEFORE INSERT ON public.notifications FOR EACH ROW WHEN (((new.sent_by IS NOT NULL) AND (new.sent_by_name IS NULL))) EXECUTE FUNCTION public.keep_name('sent_by', 'sent_by_name');

CREATE TRIGGER notifications_sent_by_renamed BEFORE UPDATE OF sent_by ON public.notifications FOR EACH ROW WHEN (((new.sent_by IS NOT NULL) AND (new.sent_by IS DISTINCT FROM old.sent_by) AND ((new.sent_by_name IS NULL) OR (NOT (new.sent_by_name IS DISTINCT FROM old.sent_by_name))))) EXECUTE FUNCTION public.keep_name('sent_by', 'sent_by_name');

CREATE TRIGGER payments_confirmed_by_named BEFORE INSERT ON public.payments FOR EACH ROW WHEN (((new.confirmed_by IS NOT NULL) AND (new.confirmed_by_name IS NULL))) EXECUTE FUNCTION public.keep_name('confirmed_by', 'confirmed_by_name');

CREATE TRIGGER payments_confirmed_by_renamed BEFORE UPDATE OF confirmed_by ON public.payments FOR EACH ROW WHEN (((new.confirmed_by IS NOT NULL) AND (new.confirmed_by IS DISTINCT FROM old.confirmed_by) AND ((new.confirmed_by_name IS NULL) OR (NOT (new.confirmed_by_name IS DISTINCT FROM old.confirmed_by_name))))) EXECUTE FUNCTION public.keep_name('confirmed_by', 'confirmed_by_name');

CREATE TRIGGER point_transactions_added AFTER INSERT ON public.point_transactions REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.keep_balance();

CREATE TRIGGER point_transactions_append_only BEFORE DELETE OR UPDATE ON public.point_transactions FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER point_transactions_awarded_by_named BEFORE INSERT ON public.point_transactions FOR EACH ROW WHEN (((new.awarded_by IS NOT NULL) AND (new.awarded_by_name IS NULL))) EXECUTE FUNCTION public.keep_awarder_name();

CREATE TRIGGER point_transactions_awarded_by_renamed BEFORE UPDATE OF awarded_by ON public.point_transactions FOR EACH ROW WHEN (((new.awarded_by IS NOT NULL) AND (new.awarded_by IS DISTINCT FROM old.awarded_by) AND ((new.awarded_by_name IS NULL) OR (NOT (new.awarded_by_name IS DISTINCT FROM old.awarded_by_name))))) EXECUTE FUNCTION public.keep_name('awarded_by', 'awarded_by_name');

CREATE TRIGGER point_transactions_moved AFTER UPDATE ON public.point_transactions FOR EACH ROW WHEN (((old.student_id <> new.student_id) OR (old.amount <> new.amount))) EXECUTE FUNCTION public.keep_balance();

CREATE TRIGGER point_transactions_never_truncated BEFORE TRUNCATE ON public.point_transactions FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER point_transactions_removed AFTER DELETE ON public.point_transactions REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION public.keep_balance();

CREATE TRIGGER resources_uploaded_by_named BEFORE INSERT ON public.resources FOR EACH ROW WHEN (((new.uploaded_by IS NOT NULL) AND (new.uploaded_by_name IS NULL))) EXECUTE FUNCTION public.keep_name('uploaded_by', 'uploaded_by_name');

CREATE TRIGGER resources_uploaded_by_renamed BEFORE UPDATE OF uploaded_by ON public.resources FOR EACH ROW WHEN (((new.uploaded_by IS NOT NULL) AND (new.uploaded_by IS DISTINCT FROM old.uploaded_by) AND ((new.uploaded_by_name IS NULL) OR (NOT (new.uploaded_by_name IS DISTINCT FROM old.uploaded_by_name))))) EXECUTE FUNCTION public.keep_name('uploaded_by', 'uploaded_by_name');

CREATE TRIGGER settings_changes_append_only BEFORE DELETE OR UPDATE ON public.settings_changes FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER settings_changes_changed_by_named BEFORE INSERT ON public.settings_changes FOR EACH ROW WHEN (((new.changed_by IS NOT NULL) AND (new.changed_by_name IS NULL))) EXECUTE FUNCTION public.keep_name('changed_by', 'changed_by_name');

CREATE TRIGGER settings_changes_changed_by_renamed BEFORE UPDATE OF changed_by ON public.settings_changes FOR EACH ROW WHEN (((new.changed_by IS NOT NULL) AND (new.changed_by IS DISTINCT FROM old.changed_by) AND ((new.changed_by_name IS NULL) OR (NOT (new.changed_by_name IS DISTINCT FROM old.changed_by_name))))) EXECUTE FUNCTION public.keep_name('changed_by', 'changed_by_name');

CREATE TRIGGER settings_changes_never_truncated BEFORE TRUNCATE ON public.settings_changes FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER shop_redemptions_as_it_was BEFORE INSERT ON public.shop_redemptions FOR EACH ROW WHEN (((new.item_name IS NULL) OR (new.cost IS NULL))) EXECUTE FUNCTION public.keep_item_as_it_was();

CREATE TRIGGER shop_redemptions_processed_by_named BEFORE INSERT ON public.shop_redemptions FOR EACH ROW WHEN (((new.processed_by IS NOT NULL) AND (new.processed_by_name IS NULL))) EXECUTE FUNCTION public.keep_name('processed_by', 'processed_by_name');

CREATE TRIGGER shop_redemptions_processed_by_renamed BEFORE UPDATE OF processed_by ON public.shop_redemptions FOR EACH ROW WHEN (((new.processed_by IS NOT NULL) AND (new.processed_by IS DISTINCT FROM old.processed_by) AND ((new.processed_by_name IS NULL) OR (NOT (new.processed_by_name IS DISTINCT FROM old.processed_by_name))))) EXECUTE FUNCTION public.keep_name('processed_by', 'processed_by_name');

CREATE TRIGGER student_assignments_assigned_by_named BEFORE INSERT ON public.student_assignments FOR EACH ROW WHEN (((new.assigned_by IS NOT NULL) AND (new.assigned_by_name IS NULL))) EXECUTE FUNCTION public.keep_name('assigned_by', 'assigned_by_name');

CREATE TRIGGER student_assignments_assigned_by_renamed BEFORE UPDATE OF assigned_by ON public.student_assignments FOR EACH ROW WHEN (((new.assigned_by IS NOT NULL) AND (new.assigned_by IS DISTINCT FROM old.assigned_by) AND ((new.assigned_by_name IS NULL) OR (NOT (new.assigned_by_name IS DISTINCT FROM old.assigned_by_name))))) EXECUTE FUNCTION public.keep_name('assigned_by', 'assigned_by_name');

CREATE TRIGGER student_assignments_graded BEFORE INSERT ON public.student_assignments FOR EACH ROW WHEN (((new.status = 'graded'::text) AND (new.graded_at IS NULL))) EXECUTE FUNCTION public.keep_graded_at();

CREATE TRIGGER student_assignments_graded_by_named BEFORE INSERT ON public.student_assignments FOR EACH ROW WHEN (((new.graded_by IS NOT NULL) AND (new.graded_by_name IS NULL))) EXECUTE FUNCTION public.keep_name('graded_by', 'graded_by_name');

CREATE TRIGGER student_assignments_graded_by_renamed BEFORE UPDATE OF graded_by ON public.student_assignments FOR EACH ROW WHEN (((new.graded_by IS NOT NULL) AND (new.graded_by IS DISTINCT FROM old.graded_by) AND ((new.graded_by_name IS NULL) OR (NOT (new.graded_by_name IS DISTINCT FROM old.graded_by_name))))) EXECUTE FUNCTION public.keep_name('graded_by', 'graded_by_name');

CREATE TRIGGER student_assignments_regraded BEFORE UPDATE OF status, graded_date ON public.student_assignments FOR EACH ROW WHEN (((new.status = 'graded'::text) AND (NOT (new.graded_at IS DISTINCT FROM old.graded_at)) AND ((old.status <> 'graded'::text) OR (new.graded_date IS DISTINCT FROM old.graded_date)))) EXECUTE FUNCTION public.keep_graded_at();

CREATE TRIGGER student_points_never_truncated BEFORE TRUNCATE ON public.student_points FOR EACH STATEMENT EXECUTE FUNCTION public.only_the_ledger();

CREATE TRIGGER student_points_only_the_ledger BEFORE INSERT OR DELETE OR UPDATE ON public.student_points FOR EACH ROW WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.only_the_ledger();

CREATE TRIGGER student_term_grades_finalized BEFORE INSERT ON public.student_term_grades FOR EACH ROW WHEN ((new.is_finalized AND (new.finalized_at IS NULL))) EXECUTE FUNCTION public.keep_finalized_at();

CREATE TRIGGER student_term_grades_finalized_by_named BEFORE INSERT ON public.student_term_grades FOR EACH ROW WHEN (((new.finalized_by IS NOT NULL) AND (new.finalized_by_name IS NULL))) EXECUTE FUNCTION public.keep_name('finalized_by', 'finalized_by_name');

CREATE TRIGGER student_term_grades_finalized_by_renamed BEFORE UPDATE OF finalized_by ON public.student_term_grades FOR EACH ROW WHEN (((new.finalized_by IS NOT NULL) AND (new.finalized_by IS DISTINCT FROM old.finalized_by) AND ((new.finalized_by_name IS NULL) OR (NOT (new.finalized_by_name IS DISTINCT FROM old.finalized_by_name))))) EXECUTE FUNCTION public.keep_name('finalized_by', 'finalized_by_name');

CREATE TRIGGER student_term_grades_refinalized BEFORE UPDATE OF is_finalized, finalized_date ON public.student_term_grades FOR EACH ROW WHEN (((NOT (new.finalized_at IS DISTINCT FROM old.finalized_at)) AND ((new.is_finalized <> old.is_finalized) OR (new.finalized_date IS DISTINCT FROM old.finalized_date)))) EXECUTE FUNCTION public.keep_finalized_at();

CREATE TRIGGER system_settings_never_truncated BEFORE TRUNCATE ON public.system_settings FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER system_settings_recorded AFTER INSERT OR DELETE OR UPDATE ON public.system_settings FOR EACH ROW EXECUTE FUNCTION public.record_settings_change();

CREATE TRIGGER system_settings_updated_by_named BEFORE INSERT ON public.system_settings FOR EACH ROW WHEN (((new.updated_by IS NOT NULL) AND (new.updated_by_name IS NULL))) EXECUTE FUNCTION public.keep_name('updated_by', 'updated_by_name');

CREATE TRIGGER system_settings_updated_by_renamed BEFORE UPDATE OF updated_by ON public.system_settings FOR EACH ROW WHEN (((new.updated_by IS NOT NULL) AND (new.updated_by IS DISTINCT FROM old.updated_by) AND ((new.updated_by_name IS NULL) OR (NOT (new.updated_by_name IS DISTINCT FROM old.updated_by_name))))) EXECUTE FUNCTION public.keep_name('updated_by', 'updated_by_name');

CREATE TRIGGER terms_created_by_named BEFORE INSERT ON public.terms FOR EACH ROW WHEN (((new.created_by IS NOT NULL) AND (new.created_by_name IS NULL))) EXECUTE FUNCTION public.keep_name('created_by', 'created_by_name');

CREATE TRIGGER terms_created_by_renamed BEFORE UPDATE OF created_by ON public.terms FOR EACH ROW WHEN (((new.created_by IS NOT NULL) AND (new.created_by IS DISTINCT FROM old.created_by) AND ((new.created_by_name IS NULL) OR (NOT (new.created_by_name IS DISTINCT FROM old.created_by_name))))) EXECUTE FUNCTION public.keep_name('created_by', 'created_by_name');

CREATE TRIGGER tests_created_by_named BEFORE INSERT ON public.tests FOR EACH ROW WHEN (((new.created_by IS NOT NULL) AND (new.created_by_name IS NULL))) EXECUTE FUNCTION public.keep_name('created_by', 'created_by_name');

CREATE TRIGGER tests_created_by_renamed BEFORE UPDATE OF created_by ON public.tests FOR EACH ROW WHEN (((new.created_by IS NOT NULL) AND (new.created_by IS DISTINCT FROM old.created_by) AND ((new.created_by_name IS NULL) OR (NOT (new.created_by_name IS DISTINCT FROM old.created_by_name))))) EXECUTE FUNCTION public.keep_name('created_by', 'created_by_name');

CREATE TRIGGER withdrawal_requests_processed_by_named BEFORE INSERT ON public.withdrawal_requests FOR EACH ROW WHEN (((new.processed_by IS NOT NULL) AND (new.processed_by_name IS NULL))) EXECUTE FUNCTION public.keep_name('processed_by', 'processed_by_name');

CREATE TRIGGER withdrawal_requests_processed_by_renamed BEFORE UPDATE OF processed_by ON public.withdrawal_requests FOR EACH ROW WHEN (((new.processed_by IS NOT NULL) AND (new.processed_by IS DISTINCT FROM old.processed_by) AND ((new.processed_by_name IS NULL) OR (NOT (new.processed_by_name IS DISTINCT FROM old.processed_by_name))))) EXECUTE FUNCTION public.keep_name('processed_by', 'processed_by_name');

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.assignment_templates
    ADD CONSTRAINT assignment_templates_assignment_type_fkey FOREIGN KEY (assignment_type) REFERENCES public.assignment_types(key) ON UPDATE CASCADE ON DELETE RESTRICT;

ALTER TABLE ONLY public.assignment_templates
    ADD CONSTRAINT assignment_templates_created_by_fkey FOREIGN KEY (created_by) REFERENCES public.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.assignment_templates
    ADD CONSTRAINT assignment_templates_subject_id_fkey FOREIGN KEY (subject_id) REFERENCES public.subjects(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.assignment_time_entries
    ADD CONSTRAINT assignment_time_entries_assignment_id_fkey FOREIGN KEY (assignment_id) REFERENCES public.student_assignments(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.attendance_records
    ADD CONSTRAINT attendance_records_student_id_fkey FOREIGN KEY (student_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_actor_id_fkey FOREIGN KEY (actor_id) REFERENCES public.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.enrollments
    ADD CONSTRAINT enrollments_class_id_fkey FOREIGN KEY (class_id) REFERENCES public.school_classes(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.enrollments
    ADD CONSTRAINT enrollments_student_id_fkey FOREIGN KEY (student_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.fees
    ADD CONSTRAINT fees_student_id_fkey FOREIGN KEY (student_id) REFERENCES public.users(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.grade_history
    ADD CONSTRAINT grade_history_assignment_id_fkey FOREIGN KEY (assignment_id) REFERENCES public.student_assignments(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.grade_history
    ADD CONSTRAINT grade_history_changed_by_fkey FOREIGN KEY (changed_by) REFERENCES public.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.grade_history
    ADD CONSTRAINT grade_history_student_term_grade_id_fkey FOREIGN KEY (student_term_grade_id) REFERENCES public.student_term_grades(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.guardianships
    ADD CONSTRAINT guardianships_guardian_id_fkey FOREIGN KEY (guardian_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.guardianships
    ADD CONSTRAINT guardianships_student_id_fkey FOREIGN KEY (student_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.journal_entries
    ADD CONSTRAINT journal_entries_author_id_fkey FOREIGN KEY (author_id) REFERENCES public.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.journal_entries
    ADD CONSTRAINT journal_entries_student_id_fkey FOREIGN KEY (student_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.journal_replies
    ADD CONSTRAINT journal_replies_author_id_fkey FOREIGN KEY (author_id) REFERENCES public.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.journal_replies
    ADD CONSTRAINT journal_replies_entry_id_fkey FOREIGN KEY (entry_id) REFERENCES public.journal_entries(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.lesson_assignments
    ADD CONSTRAINT lesson_assignments_assignment_template_id_fkey FOREIGN KEY (assignment_template_id) REFERENCES public.assignment_templates(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.lesson_assignments
    ADD CONSTRAINT lesson_assignments_lesson_id_fkey FOREIGN KEY (lesson_id) REFERENCES public.lessons(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.marks
    ADD CONSTRAINT marks_marked_by_fkey FOREIGN KEY (marked_by) REFERENCES public.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.marks
    ADD CONSTRAINT marks_student_id_fkey FOREIGN KEY (student_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.marks
    ADD CONSTRAINT marks_test_id_max_marks_fkey FOREIGN KEY (test_id, max_marks) REFERENCES public.tests(id, max_marks) ON UPDATE CASCADE ON DELETE RESTRICT;

ALTER TABLE ONLY public.notification_reads
    ADD CONSTRAINT notification_reads_notification_id_fkey FOREIGN KEY (notification_id) REFERENCES public.notifications(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.notification_reads
    ADD CONSTRAINT notification_reads_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.notifications
    ADD CONSTRAINT notifications_class_id_fkey FOREIGN KEY (class_id) REFERENCES public.school_classes(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.notifications
    ADD CONSTRAINT notifications_sent_by_fkey FOREIGN KEY (sent_by) REFERENCES public.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.notifications
    ADD CONSTRAINT notifications_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_confirmed_by_fkey FOREIGN KEY (confirmed_by) REFERENCES public.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_fee_id_fkey FOREIGN KEY (fee_id) REFERENCES public.fees(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.point_transactions
    ADD CONSTRAINT point_transactions_awarded_by_fkey FOREIGN KEY (awarded_by) REFERENCES public.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.point_transactions
    ADD CONSTRAINT point_transactions_student_id_fkey FOREIGN KEY (student_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.resources
    ADD CONSTRAINT resources_class_id_fkey FOREIGN KEY (class_id) REFERENCES public.school_classes(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.resources
    ADD CONSTRAINT resources_uploaded_by_fkey FOREIGN KEY (uploaded_by) REFERENCES public.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.school_classes
    ADD CONSTRAINT school_classes_class_teacher_id_fkey FOREIGN KEY (class_teacher_id) REFERENCES public.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.settings_changes
    ADD CONSTRAINT settings_changes_changed_by_fkey FOREIGN KEY (changed_by) REFERENCES public.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.shop_redemptions
    ADD CONSTRAINT shop_redemptions_item_id_fkey FOREIGN KEY (item_id) REFERENCES public.shop_items(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.shop_redemptions
    ADD CONSTRAINT shop_redemptions_processed_by_fkey FOREIGN KEY (processed_by) REFERENCES public.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.shop_redemptions
    ADD CONSTRAINT shop_redemptions_refund_transaction_id_fkey FOREIGN KEY (refund_transaction_id) REFERENCES public.point_transactions(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.shop_redemptions
    ADD CONSTRAINT shop_redemptions_student_id_fkey FOREIGN KEY (student_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.shop_redemptions
    ADD CONSTRAINT shop_redemptions_transaction_id_fkey FOREIGN KEY (transaction_id) REFERENCES public.point_transactions(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.student_assignments
    ADD CONSTRAINT student_assignments_assigned_by_fkey FOREIGN KEY (assigned_by) REFERENCES public.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.student_assignments
    ADD CONSTRAINT student_assignments_graded_by_fkey FOREIGN KEY (graded_by) REFERENCES public.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.student_assignments
    ADD CONSTRAINT student_assignments_student_id_fkey FOREIGN KEY (student_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.student_assignments
    ADD CONSTRAINT student_assignments_template_id_fkey FOREIGN KEY (template_id) REFERENCES public.assignment_templates(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.student_points
    ADD CONSTRAINT student_points_student_id_fkey FOREIGN KEY (student_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.student_profiles
    ADD CONSTRAINT student_profiles_class_id_fkey FOREIGN KEY (class_id) REFERENCES public.school_classes(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.student_profiles
    ADD CONSTRAINT student_profiles_student_id_fkey FOREIGN KEY (student_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.student_term_grades
    ADD CONSTRAINT student_term_grades_finalized_by_fkey FOREIGN KEY (finalized_by) REFERENCES public.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.student_term_grades
    ADD CONSTRAINT student_term_grades_student_id_fkey FOREIGN KEY (student_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.student_term_grades
    ADD CONSTRAINT student_term_grades_term_subject_id_fkey FOREIGN KEY (term_subject_id) REFERENCES public.term_subjects(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.system_settings
    ADD CONSTRAINT system_settings_updated_by_fkey FOREIGN KEY (updated_by) REFERENCES public.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.term_subjects
    ADD CONSTRAINT term_subjects_subject_id_fkey FOREIGN KEY (subject_id) REFERENCES public.subjects(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.term_subjects
    ADD CONSTRAINT term_subjects_term_id_fkey FOREIGN KEY (term_id) REFERENCES public.terms(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.terms
    ADD CONSTRAINT terms_created_by_fkey FOREIGN KEY (created_by) REFERENCES public.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.tests
    ADD CONSTRAINT tests_class_id_fkey FOREIGN KEY (class_id) REFERENCES public.school_classes(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.tests
    ADD CONSTRAINT tests_created_by_fkey FOREIGN KEY (created_by) REFERENCES public.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.tests
    ADD CONSTRAINT tests_subject_id_fkey FOREIGN KEY (subject_id) REFERENCES public.subjects(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.user_sessions
    ADD CONSTRAINT user_sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES public.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.withdrawal_requests
    ADD CONSTRAINT withdrawal_requests_processed_by_fkey FOREIGN KEY (processed_by) REFERENCES public.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.withdrawal_requests
    ADD CONSTRAINT withdrawal_requests_student_id_fkey FOREIGN KEY (student_id) REFERENCES public.users(id) ON DELETE CASCADE;
