import Foundation
import Images
import Testing

/// Masks; `Fixtures/make_masks.py` made the files with their expected labels.
@Suite struct LabelImageTests {
    struct Mask: Decodable, CustomTestStringConvertible {
        let name: String
        let width: Int
        let height: Int
        let file: Data
        let pixels: Data
        let refusal: String?
        let like: Data?

        var testDescription: String { name }
    }

    static let masks: [Mask] = Fixtures.load("masks.json")

    private func read(_ mask: Mask) throws -> LabelImage {
        let form = try mask.like.map { try LabelImage(decoding: [UInt8]($0)).form }
        return try LabelImage(decoding: [UInt8](mask.file), name: "mask", numberedAs: form)
    }

    @Test(arguments: masks.filter { $0.refusal == nil })
    func readsExpectedLabels(_ mask: Mask) throws {
        let image = try read(mask)
        #expect(image.width == mask.width && image.height == mask.height)
        #expect(image.labels == [UInt8](mask.pixels))
    }

    @Test(arguments: masks.filter { $0.refusal != nil })
    func rejectsUnsuitableMasks(_ mask: Mask) {
        let error = #expect(throws: ImageError.self) { _ = try read(mask) }
        let message = error?.description ?? ""
        #expect(message.hasPrefix("mask cannot be read as a mask: "), "\(message)")
        #expect(message.contains(mask.refusal ?? ""), "\(message)")
    }

    /// A mask that is written reads back with the same labels, form, depth and colours.
    @Test(arguments: masks.filter { $0.refusal == nil && $0.like == nil })
    func writtenMasksReadBackUnchanged(_ mask: Mask) throws {
        let path = FileManager.default.temporaryDirectory
            .appending(path: "mask-\(UUID().uuidString).png").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let image = try read(mask)
        try image.form.write(image.labels, width: image.width, height: image.height, to: path)
        let reread = try LabelImage(contentsOf: path)
        #expect(reread.labels == image.labels)
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        switch image.form {
        case .gray(let bits):
            #expect(bytes[24] == UInt8(bits) && bytes[25] == 0)
            #expect(reread.form == image.form)
        case .indexed(let colours), .coloured(let colours):
            #expect(bytes[24] == 8 && bytes[25] == 3)
            #expect(reread.form == .indexed(colours))
        }
    }

    @Test func rejectsFilesThatAreNotPictures() {
        #expect(throws: ImageError.unknownFormat(file: "a", found: [71, 73, 70, 56])) {
            _ = try LabelImage(decoding: [UInt8]("GIF89a".utf8), name: "a")
        }
        let missing = "/nowhere/at/all.png"
        #expect(
            throws: ImageError.unreadable(file: missing, reason: "No such file or directory")
        ) { _ = try LabelImage(contentsOf: missing) }
    }

    /// Truncated files throw; files with a changed bit throw or give labels.
    @Test func damagedMasksThrowOrGiveLabels() {
        var generator = Seeded(state: 7)
        for mask in Self.masks where mask.width < 30 {
            let bytes = [UInt8](mask.file)
            for count in stride(from: 0, to: bytes.count - 1, by: 7) {
                #expect(throws: ImageError.self) {
                    _ = try LabelImage(decoding: Array(bytes.prefix(count)))
                }
            }
            for _ in 0..<40 {
                var changed = bytes
                let index = Int.random(in: 8..<bytes.count, using: &generator)
                changed[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                if let image = try? LabelImage(decoding: changed) {
                    #expect(image.labels.count == image.width * image.height)
                }
            }
        }
    }
}
