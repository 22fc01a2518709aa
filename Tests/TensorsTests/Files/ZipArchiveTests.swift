import Tensors
import Testing

/// Archives whose directory makes false claims.
@Suite struct ZipArchiveTests {
    private func archive(
        entries: UInt16? = nil, comment: [UInt8] = [], _ change: (inout ZipBytes) -> Void
    ) -> [UInt8] {
        var pickle = PickleBytes()
        pickle.tensor(count: 4, sizes: [4], strides: [1])
        var zip = ZipBytes()
        zip.add("a/data.pkl", pickle.bytes + [0x2e])
        zip.add("a/data/0", [UInt8](repeating: 0, count: 16))
        change(&zip)
        return zip.finished(entries: entries, comment: comment)
    }

    /// The 64-bit record of an entry: size, stored size, start.
    private func wide(_ values: UInt64...) -> [UInt8] {
        [1, 0] + .init(littleEndian: UInt16(8 * values.count))
            + values.flatMap { [UInt8](littleEndian: $0) }
    }

    @Test func readsValidArchives() throws {
        #expect(try errorMessage(reading: archive { _ in }) == nil)
        #expect(try errorMessage(reading: archive(comment: [1, 2, 3]) { _ in }) == nil)
        let wideSizes = archive {
            $0.claims[1].extra = [9, 9, 2, 0, 0, 0] + wide(16, 16)
            $0.claims[1].size = .max
        }
        #expect(try errorMessage(reading: wideSizes) == nil)
    }

    @Test func rejectsFalseClaims() throws {
        let cases: [(String, [UInt8])] = [
            (
                "overlap",
                archive { $0.claims.append(.init(name: "b", size: 20, start: $0.claims[1].start)) }
            ),
            ("overlap", archive { $0.claims[0].size += 1 }),
            ("twice", archive { $0.claims.append($0.claims[0]) }),
            ("outside", archive { $0.claims[1].size = 1 << 30 }),
            ("outside", archive { $0.claims[1].start = 1 << 30 }),
            ("no zip entry starts", archive { $0.claims[1].start += 1 }),
            ("64-bit record", archive { $0.claims[1].size = .max }),
            (
                "outside",
                archive {
                    $0.claims[1].size = .max
                    $0.claims[1].extra = wide(1 << 63, 1 << 63)
                }
            ),
            (
                "outside",
                archive {
                    $0.claims[1].size = .max
                    $0.claims[1].extra = wide(16, .max >> 1)
                }
            ),
            (
                "outside",
                archive {
                    $0.claims[1].start = .max
                    $0.claims[1].extra = wide(.max >> 1)
                }
            ),
            (
                "has 16 bytes for 17",
                archive {
                    $0.claims[1].size = .max
                    $0.claims[1].extra = wide(17, 16)
                }
            ),
            ("claims 9 entries", archive(entries: 9) { _ in }),
            ("0 entries named data.pkl", archive { $0.claims.remove(at: 0) }),
            ("2 entries named data.pkl", archive { $0.add("b/data.pkl", [0x2e]) }),
            ("lacks the entry a/data/0", archive { $0.claims.remove(at: 1) }),
            ("byte order", archive { $0.add("a/byteorder", Array("big".utf8)) }),
            ("lacks the directory", Array(archive { _ in }.dropLast())),
            ("lacks the directory", Array("PK\u{3}\u{4}".utf8)),
        ]
        for (part, bytes) in cases {
            let message = try errorMessage(reading: bytes)
            #expect(message?.contains(part) == true, "\(part): \(message ?? "no error")")
        }
    }

    /// The 64-bit record at the end of an archive, with an invalid position and invalid counts.
    @Test(arguments: [0, 1, 1 << 40, 1 << 63, UInt64.max])
    func rejectsInvalidZip64EndRecords(value: UInt64) throws {
        let plain = archive { _ in }
        let body = plain.dropLast(22)
        let record =
            .init(littleEndian: 0x0606_4b50 as UInt32) + [UInt8](repeating: 0, count: 20)
            + (0..<4).flatMap { _ in [UInt8](littleEndian: value) }
        for position in [UInt64(body.count), value] {
            let locator =
                .init(littleEndian: 0x0706_4b50 as UInt32) + [0, 0, 0, 0]
                + [UInt8](littleEndian: position) + [1, 0, 0, 0]
            #expect(try errorMessage(reading: body + record + locator + plain.suffix(22)) != nil)
        }
    }
}
