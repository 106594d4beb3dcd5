//! EIP-712 against the example of the standard and against vectors of ethers.js (eip712.json.gz, version 6) that use
//! all five fields of the domain.

mod common;

use common::{bytes, fixed};
use merkat_signer::{
    DOMAIN_TYPE, Secret, Word, address_of, digest, domain_separator, recover, sign, struct_hash,
    type_hash, venue_domain, word_of_address, word_of_bool, word_of_i128, word_of_u64,
    word_of_u128,
};

/// name, version, chain, contract, salt, encoded struct (type hash and words), digest
type Vector = (
    &'static str,
    &'static str,
    u64,
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static str,
);

const VECTORS: &[Vector] = &[
    (
        "ut enim ipsum sed mini",
        "32.34.47",
        613,
        "292b58d88ce2828e6265d48aa0558fd7558225f3",
        "6aabfe9ed23e4dfd891d15a8c9f9f5897c17c332a805b4f1ce9efa5843396771",
        &[
            "e68b573997ffb06f8de0f3ca1650505a8b029fd6fe134a81a9a8075c4690f820",
            "3d3b080949b7c9188d73d6e6e40d72b7b43672a921a848ca0f8b5f779a8ce97b",
        ],
        "c8aeb1b1c28efb63b13e139d1dc2a190435aec24e624e22abc38e78a4bdf7fd4",
    ),
    (
        "dolore sed in mollit incidi",
        "4.40.10",
        266,
        "04a008869ef1ab45f149af1797f770502fea452a",
        "c11653e451dbed00178bcb44444087f1a4ccf0d09a0e989fe07f664cf0807ca0",
        &[
            "af11895ee5e790f0f505eae0c7caff29d7839170ed0696cffd37b16c13aecbc2",
            "6ef15bd9ddbf9657406b14609a1c16b400000000000000000000000000000000",
        ],
        "ae9ed1b2649e40cd73d71b937057660e07aa47be3f56d59b4e48f1e526fd23db",
    ),
    (
        "minim in officia i",
        "3.16.15",
        1028,
        "a908402b401eaf40568a2fc02459f85b27cbbf69",
        "8fd27f9e27207e9cde628ad232c108caf78f1265427321dfcede152eb02338f6",
        &[
            "f8649fe03ab18ba80c4175732d02c5e9cb7c62a6a370e4b907637abf92d8dbd3",
            "36a7d21ef7efd7ac88be9f5af30b55cbdced68b8ac0dfb8781ed216ac54750d6",
            "5c28b432106bb6591da3f14c8ad8bfad512ca7c1f4593b6ca746c80be199fe7b",
        ],
        "a94fe1579644d8ae73de994f5f65b9f17557c953dec391fa8efb4035acf0910e",
    ),
    (
        " dolor deserunt enim adipiscing in deserunt dolor et   ut deser",
        "18.14.3",
        1226,
        "3bd1c17c9d7312408c5c7f496bcb1bcd72b7d909",
        "712a90e3610a99f30a39643a46e64a83b4b98168452b39c85ef3ea15415d110d",
        &[
            "839570fc0e56ff18422d0cd750b0bb03286a4e4b03a899f26ea52c9bd82dfd61",
            "21745c0949960000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000001",
            "0a5581cc52ce5d6ec0d413a703c27a8708c03885d317bf04d8c33225cd3e533d",
        ],
        "22865f2e3656ca2f8b6208cc9e0cd52664248dc85e047b58a02d97104a2f8b2f",
    ),
    (
        "commodo est sit sunt  dolore  ",
        "12.17.32",
        390,
        "0cad702a541f03e27fec866f0958b6ba179ec829",
        "1375f27b6b8af4053afcc6d3a106217de59a80b2fa06e839191906c4d3f94f2b",
        &[
            "c270c63873941296284ef16cf26aa7c0d08597f0ba6e820b0cf9818909cb989f",
            "1330d48cb34c2c4acf8b1a2d9d0bccb049b8fc165238553f6471bdbf1e870f1f",
            "00000000000000000000000006980ca5482fd9295aa9d732c4c61f63206832da",
            "143be4f42877238963679a41dd5cfdeffe17ae4409920749f273cb6ac8fe2146",
        ],
        "b47afe26427b500c76aa7cde7db653c30f11e12513421398d8c1627dd236c1c0",
    ),
];

#[test]
fn domains_with_all_five_fields() {
    for (name, version, chain_id, contract, salt, encoded, expected) in VECTORS {
        let words: Vec<Word> = encoded[1..].iter().map(|word| fixed(word)).collect();
        let hash = struct_hash(&fixed(encoded[0]), &words);
        let salt: Word = fixed(salt);
        let contract = fixed(contract);
        let domain = domain_separator(name, version, *chain_id, &contract, &salt);
        assert_eq!(
            digest(&domain, &hash),
            fixed::<32>(expected),
            "vector {name}"
        );
        let others = [
            domain_separator("", version, *chain_id, &contract, &salt),
            domain_separator(name, "", *chain_id, &contract, &salt),
            domain_separator(name, version, chain_id + 1, &contract, &salt),
            domain_separator(name, version, *chain_id, &[1; 20], &salt),
            domain_separator(name, version, *chain_id, &contract, &[1; 32]),
        ];
        for (field, other) in others.iter().enumerate() {
            assert_ne!(
                digest(other, &hash),
                fixed::<32>(expected),
                "field {field} counts"
            );
        }
    }
}

/// The example of the standard: Ether Mail, from Cow to Bob (its domain has no salt, so its separator is given).
#[test]
fn mail_of_the_standard() {
    let person = "Person(string name,address wallet)";
    let of_person = type_hash(person);
    let text = |text: &str| merkat_values::keccak::keccak256(&[text.as_bytes()]);
    let cow = fixed("CD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826");
    let bob = fixed("bBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB");
    let mail = type_hash(&format!(
        "Mail(Person from,Person to,string contents){person}"
    ));
    let hash = struct_hash(
        &mail,
        &[
            struct_hash(&of_person, &[text("Cow"), word_of_address(&cow)]),
            struct_hash(&of_person, &[text("Bob"), word_of_address(&bob)]),
            text("Hello, Bob!"),
        ],
    );
    let expected: Word = fixed("c52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e");
    assert_eq!(hash, expected, "struct hash of the mail");
    let domain = fixed("f2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f");
    let signed = digest(&domain, &hash);
    let expected: Word = fixed("be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2");
    assert_eq!(signed, expected, "digest of the mail");
    let secret = Secret::new(text("cow")).expect("the example's private key");
    assert_eq!(address_of(&secret), cow, "the example's address");
    let signature = sign(&secret, &signed);
    let expected = bytes(concat!(
        "4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d",
        "07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b91562",
        "1c"
    ));
    assert_eq!(signature[..], expected[..], "the example's signature");
    assert_eq!(recover(&signed, &signature), Some(cow), "recovered");
    assert_ne!(
        recover(&hash, &signature),
        Some(cow),
        "another digest is not Cow's"
    );
}

#[test]
fn a_venue_is_one_domain() {
    let (contract, salt) = ([7; 20], [9; 32]);
    let venue = venue_domain(31_337, &contract, &salt);
    assert_eq!(
        venue,
        domain_separator("merkat", "1", 31_337, &contract, &salt)
    );
    assert_ne!(venue, venue_domain(1, &contract, &salt), "the chain counts");
    assert_ne!(
        venue,
        venue_domain(31_337, &contract, &[8; 32]),
        "the salt counts"
    );
    assert_eq!(
        type_hash(DOMAIN_TYPE),
        fixed::<32>("d87cd6ef79d4e2b95e15ce8abf732db51ec771f1ca2edccf22a46c729ac56472"),
        "the type of the domain with all five fields"
    );
}

#[test]
fn words_are_padded_as_the_abi_does() {
    assert_eq!(word_of_u64(1)[31], 1, "big-endian");
    assert_eq!(word_of_u64(1)[..31], [0; 31]);
    assert_eq!(word_of_bool(true), word_of_u64(1));
    assert_eq!(word_of_bool(false), [0; 32]);
    assert_eq!(word_of_u128(u128::MAX)[16..], [0xff; 16]);
    assert_eq!(
        word_of_u128(u128::MAX)[..16],
        [0; 16],
        "an unsigned value has no sign"
    );
    assert_eq!(word_of_i128(-1), [0xff; 32], "minus one");
    assert_eq!(word_of_i128(1), word_of_u64(1));
    assert_eq!(
        word_of_i128(i128::MIN)[..17],
        [&[0xff; 16][..], &[0x80]].concat()[..]
    );
    assert_eq!(
        word_of_address(&[5; 20])[..12],
        [0; 12],
        "zeros stand before an address"
    );
    assert_eq!(word_of_address(&[5; 20])[12..], [5; 20]);
}
