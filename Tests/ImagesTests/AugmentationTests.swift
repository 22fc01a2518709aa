import CImages
import Foundation
import Images
import Testing

/// Against Pillow and torchvision, bit for bit: the kernels use the same arithmetic.
@Suite(.serialized) struct AugmentationTests {
    enum Kind: String, Decodable {
        case brightness, contrast, saturation, hue, gray, solarize, mirror, blur
    }

    struct Step: Decodable {
        let step: Kind
        let value: Double

        func apply(to image: inout Image) {
            switch step {
            case .brightness: image.adjustBrightness(by: Float(value))
            case .contrast: image.adjustContrast(by: Float(value))
            case .saturation: image.adjustSaturation(by: Float(value))
            case .hue: image.adjustHue(by: value)
            case .gray: image.convertToGrayscale()
            case .solarize: image.solarize()
            case .mirror: image = image.mirrored()
            case .blur: image.blur(radius: Float(value))
            }
        }
    }

    struct Picture: Decodable {
        let width: Int
        let height: Int
        let source: Data
        let results: [Result]

        struct Result: Decodable {
            let steps: [Step]
            let pixels: Data
        }
    }

    struct Case: CustomTestStringConvertible {
        let source: Image
        let expected: Picture.Result

        var testDescription: String {
            expected.steps.map { "\($0.step) \($0.value), " }.joined()
                + "\(source.width)x\(source.height)"
        }
    }

    static let cases = (Fixtures.load("augmentation.json") as [Picture]).flatMap { picture in
        let source = Image(
            width: picture.width, height: picture.height, pixels: [UInt8](picture.source))
        return picture.results.map { Case(source: source, expected: $0) }
    }

    /// Runs `body` with each instruction set in turn.
    static func withEachLevel(_ body: () -> Void) {
        defer { cimage_limit_instructions(3) }
        for level in 0...3 {
            cimage_limit_instructions(Int32(level))
            body()
        }
    }

    @Test(arguments: cases)
    func stepsMatchPillow(_ fixture: Case) {
        Self.withEachLevel {
            var image = fixture.source
            for step in fixture.expected.steps { step.apply(to: &image) }
            #expect(image.pixels == [UInt8](fixture.expected.pixels))
        }
    }

    struct Colours: Decodable, CustomTestStringConvertible {
        let step: Kind
        let value: Double
        let crc: UInt32

        var testDescription: String { "\(step) \(value)" }
    }

    /// A picture of all 2^24 colours, against the checksum of Pillow's result.
    @Test(arguments: Fixtures.load("colours.json") as [Colours])
    func everyColourMatchesPillow(_ expected: Colours) {
        var image = Self.allColours
        Step(step: expected.step, value: expected.value).apply(to: &image)
        #expect(checksum(image.pixels) == expected.crc)
    }

    private static let allColours = Image(
        width: 4096, height: 4096,
        pixels: [UInt8](unsafeUninitializedCapacity: 3 << 24) { samples, count in
            for colour in 0..<1 << 24 {
                samples[colour * 3] = UInt8(colour >> 16)
                samples[colour * 3 + 1] = UInt8(colour >> 8 & 255)
                samples[colour * 3 + 2] = UInt8(colour & 255)
            }
            count = samples.count
        })

    struct Crop: Decodable, CustomTestStringConvertible {
        let filter: Filter
        let box: [Int]
        let width: Int
        let height: Int
        let mirrored: Bool
        let pixels: Data

        var testDescription: String {
            "\(filter) \(box) to \(width)x\(height)" + (mirrored ? " mirrored" : "")
        }

        var part: Box { Box(x: box[0], y: box[1], width: box[2], height: box[3]) }
    }

    @Test(arguments: Fixtures.load("crops.json") as [Crop])
    func resizedCropMatchesTorchvision(_ expected: Crop) {
        Self.withEachLevel {
            let image = noise(width: 61, height: 47).resizedCrop(
                expected.part, width: expected.width, height: expected.height,
                using: expected.filter, mirrored: expected.mirrored)
            #expect(image.pixels == [UInt8](expected.pixels))
        }
    }

    /// As documented, for crops at every border too.
    @Test(arguments: Filter.allCases)
    func resizedCropEqualsCroppingThenResizing(_ filter: Filter) {
        let image = noise(width: 40, height: 33)
        var generator = Seeded(state: 5)
        for index in 0..<60 {
            var part = Box(
                x: 0, y: 0, width: .random(in: 1...40, using: &generator),
                height: .random(in: 1...33, using: &generator))
            part.x = 40 - part.width
            if index % 3 != 0 { part.x = .random(in: 0...part.x, using: &generator) }
            part.y = 33 - part.height
            if index % 4 != 0 { part.y = .random(in: 0...part.y, using: &generator) }
            var (width, height) = (part.width, part.height)
            if index % 5 != 0 { width = .random(in: 1...50, using: &generator) }
            if index % 7 != 0 { height = .random(in: 1...50, using: &generator) }

            let expected = image.cropped(to: part)
                .resized(width: width, height: height, using: filter)
            let found = image.resizedCrop(part, width: width, height: height, using: filter)
            #expect(found.pixels == expected.pixels)
            let mirrored = image.resizedCrop(
                part, width: width, height: height, using: filter, mirrored: true)
            #expect(mirrored.pixels == expected.mirrored().pixels)
        }
    }

    /// (sample / 255 - mean) / deviation in float32, also for counts that are not multiples of 16.
    @Test(arguments: [(1, 1), (5, 3), (16, 2), (31, 9)])
    func normalizationMatchesFormula(_ width: Int, _ height: Int) {
        let image = noise(width: width, height: height)
        let mean: [Float] = [0.485, 0.456, 0.406]
        let deviation: [Float] = [0.229, 0.224, 0.225]
        let count = width * height
        Self.withEachLevel {
            // One element more, which must not change.
            var result = [Float](repeating: 7, count: count * 3 + 1)
            result.withUnsafeMutableBufferPointer {
                image.writeNormalized(
                    to: $0.baseAddress!, mean: mean, deviation: deviation)
            }
            for (index, sample) in image.pixels.enumerated() {
                let (pixel, channel) = index.quotientAndRemainder(dividingBy: 3)
                let expected = (Float(sample) / 255 - mean[channel]) / deviation[channel]
                #expect(result[channel * count + pixel] == expected)
            }
            #expect(result[count * 3] == 7)
        }
    }

    /// CRC-32 (ISO 3309), as computed by zlib.
    private func checksum(_ bytes: [UInt8]) -> UInt32 {
        let table = (0..<256).map { byte -> UInt32 in
            var crc = UInt32(byte)
            for _ in 0..<8 {
                let low = crc & 1
                crc = (crc >> 1) ^ (low * 0xEDB8_8320)
            }
            return crc
        }
        return table.withUnsafeBufferPointer { table in
            var crc = UInt32.max
            for byte in bytes {
                crc = (crc >> 8) ^ table[Int((crc ^ UInt32(byte)) & 255)]
            }
            return ~crc
        }
    }
}
