import DINO
import Foundation
import Images
import Tensors
import Testing

@Suite struct MultiCropTests {
    struct Fixture: Decodable {
        let width: Int
        let height: Int
        let pixels: Data
        let cases: [Case]
    }

    struct Case: Decodable, CustomTestStringConvertible {
        let side: Int
        let part: Box
        let mirrored: Bool
        let adjustments: [Adjustment]
        let grayscale: Bool
        let blurRadius: Float?
        let solarized: Bool
        let elements: Data

        struct Adjustment: Decodable {
            let kind: String
            let value: Double
        }

        var testDescription: String {
            adjustments.map { "\($0.kind) " }.joined() + "\(part) to \(side)"
                + (mirrored ? ", mirrored" : "") + (grayscale ? ", gray" : "")
                + (blurRadius.map { ", blur \($0)" } ?? "") + (solarized ? ", solarized" : "")
        }

        var choices: CropChoices {
            CropChoices(
                part: part, mirrored: mirrored,
                adjustments: adjustments.map {
                    switch $0.kind {
                    case "brightness": .brightness(Float($0.value))
                    case "contrast": .contrast(Float($0.value))
                    case "saturation": .saturation(Float($0.value))
                    default: .hue($0.value)
                    }
                },
                grayscale: grayscale, blurRadius: blurRadius, solarized: solarized)
        }
    }

    static let fixture: Fixture = {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Fixtures/multi-crop.json")
        do {
            return try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: file))
        } catch {
            fatalError("multi-crop.json: \(error)")
        }
    }()

    static let picture = Image(
        width: fixture.width, height: fixture.height, pixels: [UInt8](fixture.pixels))

    /// To the bit: Pillow computes in integers, and torch applies three float32 operations.
    @Test(arguments: fixture.cases)
    func cropMatchesTorchvision(_ expected: Case) {
        let options = MultiCrop()
        let view = expected.choices.view(of: Self.picture, side: expected.side)
        var found = [Float](repeating: 0, count: 3 * expected.side * expected.side)
        found.withUnsafeMutableBufferPointer {
            view.writeNormalized(
                to: $0.baseAddress!, mean: options.mean, deviation: options.standardDeviation)
        }
        let elements = expected.elements.withUnsafeBytes { bytes in
            (0..<found.count).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
        #expect(found == elements)
    }

    /// `get_args_parser` and `DataAugmentationDINO` of main_dino.py.
    @Test func defaultsMatchReference() throws {
        let options = MultiCrop()
        #expect(options.globalSide == 224 && options.localSide == 96 && options.localCount == 8)
        #expect(options.globalScale == 0.4...1 && options.localScale == 0.05...0.4)
        #expect(options.firstGlobal == .init(blur: 1, solarization: 0))
        #expect(options.secondGlobal == .init(blur: 0.1, solarization: 0.2))
        #expect(options.local == .init(blur: 0.5, solarization: 0))
        let decoded = try JSONDecoder().decode(
            MultiCrop.self, from: JSONEncoder().encode(options))
        #expect(decoded == options)
    }

    /// A picture's crops are written to its index in the tensor of each view, and nowhere else.
    @Test func cropsAreWrittenAtTheirIndex() {
        var options = MultiCrop()
        (options.globalSide, options.localSide, options.localCount) = (20, 12, 3)
        var batch = options.emptyBatch(count: 3)
        for view in 0..<5 {
            let tensor = view < 2 ? \MultiCropBatch.globals[view] : \.locals[view - 2]
            batch[keyPath: tensor] = Tensor(repeating: 99, shape: batch[keyPath: tensor].shape)
        }
        var generator = Xoshiro256(seed: 4)
        options.writeCrops(of: Self.picture, to: &batch, at: 1, using: &generator)
        for crops in batch.globals + batch.locals {
            let size = crops.count / 3
            let elements = crops.elements
            #expect(elements[..<size].allSatisfy { $0 == 99 })
            #expect(elements[(2 * size)...].allSatisfy { $0 == 99 })
            #expect(elements[size..<2 * size].allSatisfy { abs($0) < 3 })
        }

        // The same as drawing the choices one after another, large crops first.
        generator = Xoshiro256(seed: 4)
        let second = [options.firstGlobal, options.secondGlobal].map { finish in
            options.choices(
                for: Self.picture, scale: 0.4...1, finish: finish, using: &generator)
        }[1]
        var expected = [Float](repeating: 0, count: 1_200)
        expected.withUnsafeMutableBufferPointer {
            second.view(of: Self.picture, side: 20).writeNormalized(
                to: $0.baseAddress!, mean: options.mean, deviation: options.standardDeviation)
        }
        #expect(batch.globals[1].rows(1..<2).elements == expected)
    }

    /// A step of one's own sees each crop once, and what it leaves is normalised: here one colour for each crop.
    @Test func stepOfOnesOwnChangesEachCrop() {
        var options = MultiCrop()
        (options.globalSide, options.localSide, options.localCount) = (20, 12, 3)
        var (batch, plain) = (options.emptyBatch(count: 1), options.emptyBatch(count: 1))
        var generator = Xoshiro256(seed: 4)
        options.writeCrops(of: Self.picture, to: &plain, at: 0, using: &generator)
        let next = generator.next()
        generator = Xoshiro256(seed: 4)
        var (numbers, drawn): ([Int], UInt64?) = ([], nil)
        options.writeCrops(of: Self.picture, to: &batch, at: 0, using: &generator) {
            crop, number, generator in
            numbers.append(number)
            drawn = drawn ?? generator.next()
            guard number > 0 else { return }
            let level = UInt8(51 * number)
            crop = Image(
                width: crop.width, height: crop.height,
                colour: Colour(red: level, green: level, blue: level))
        }
        #expect(numbers == [0, 1, 2, 3, 4])
        // All choices have been drawn before: the step's own draws come after them.
        #expect(drawn == next)
        #expect(batch.globals[0].elements == plain.globals[0].elements)
        for (number, crops) in (batch.globals + batch.locals).enumerated().dropFirst() {
            let plane = crops.count / 3
            for (channel, level) in [0, 1, 2].map({ ($0, Float(51 * number) / 255) }) {
                let expected =
                    (level - options.mean[channel]) / options.standardDeviation[channel]
                let elements = crops.elements[channel * plane..<(channel + 1) * plane]
                #expect(elements.allSatisfy { abs($0 - expected) < 1e-5 })
            }
        }
    }

    /// How often each choice occurs, and the range of its values, over 4,000 draws.
    @Test func choiceFrequenciesMatchReference() {
        let options = MultiCrop()
        var generator = Xoshiro256(seed: 1)
        let count = 4_000
        func draws(_ finish: MultiCrop.Finish) -> [CropChoices] {
            (0..<count).map { _ in
                options.choices(
                    for: Self.picture, scale: 0.05...0.4, finish: finish, using: &generator)
            }
        }
        func share(_ draws: [CropChoices], _ condition: (CropChoices) -> Bool) -> Double {
            Double(draws.count { condition($0) }) / Double(count)
        }
        let choices = draws(options.secondGlobal)
        // Five standard deviations of a share at most: 5 * sqrt(0.25 / 4,000).
        let tolerance = 0.04
        #expect(abs(share(choices) { $0.mirrored } - 0.5) < tolerance)
        #expect(abs(share(choices) { !$0.adjustments.isEmpty } - 0.8) < tolerance)
        #expect(abs(share(choices) { $0.grayscale } - 0.2) < tolerance)
        #expect(abs(share(choices) { $0.blurRadius != nil } - 0.1) < tolerance)
        #expect(abs(share(choices) { $0.solarized } - 0.2) < tolerance)
        #expect(draws(options.firstGlobal).allSatisfy { $0.blurRadius != nil && !$0.solarized })
        #expect(abs(share(draws(options.local)) { $0.blurRadius != nil } - 0.5) < tolerance)

        var firsts: [String: Int] = [:]
        for choice in choices where !choice.adjustments.isEmpty {
            #expect(choice.adjustments.count == 4)
            for adjustment in choice.adjustments {
                switch adjustment {
                case .brightness(let factor), .contrast(let factor):
                    #expect(0.6...1.4 ~= factor)
                case .saturation(let factor): #expect(0.8...1.2 ~= factor)
                case .hue(let turn): #expect(-0.1...0.1 ~= turn)
                }
            }
            firsts["\(choice.adjustments[0])".prefix { $0 != "(" }.description, default: 0] += 1
        }
        // Each of the four comes first equally often: 800 times of 3,200, within five deviations of 25.
        #expect(firsts.count == 4 && firsts.values.allSatisfy { abs($0 - 800) < 125 })
        #expect(choices.compactMap(\.blurRadius).allSatisfy { 0.1...2 ~= $0 })
    }

    /// Factors stay non-negative at any strength, and an adjustment of zero strength is omitted.
    @Test func jitterStaysWithinItsStrengths() {
        var options = MultiCrop()
        options.jitter.probability = 1
        options.jitter.brightness = 2
        options.jitter.hue = 0
        var generator = Xoshiro256(seed: 1)
        for _ in 0..<100 {
            let choices = options.choices(
                for: Self.picture, scale: 0.4...1, finish: options.local, using: &generator)
            #expect(choices.adjustments.count == 3)
            for case .brightness(let factor) in choices.adjustments {
                #expect(0...3 ~= factor)
            }
        }
    }
}

@Suite struct RandomResizedCropTests {
    /// The reference draws the area and the logarithm of the aspect ratio uniformly, and redraws a part that does not fit,
    /// which is rare for a small part of a wide picture.
    @Test func areasAndLogarithmicRatiosAreUniform() {
        let crop = RandomResizedCrop(scale: 0.1...0.3)
        var generator = Xoshiro256(seed: 3)
        let parts = (0..<4_000).map { _ in
            crop.part(ofWidth: 500, height: 375, using: &generator)
        }
        var areas = [Int](repeating: 0, count: 4)
        var ratios = areas
        for part in parts {
            #expect(part.x >= 0 && part.y >= 0)
            #expect(part.x + part.width <= 500 && part.y + part.height <= 375)
            let area = Double(part.width * part.height) / (500 * 375)
            areas[min(3, max(0, Int((area - 0.1) / 0.05)))] += 1
            let ratio = log(Double(part.width) / Double(part.height)) / log(4.0 / 3)
            ratios[min(3, max(0, Int((ratio + 1) * 2)))] += 1
        }
        // A quarter of 4,000 each, within five deviations of 27.
        #expect(areas.allSatisfy { abs($0 - 1_000) < 140 }, "\(areas)")
        #expect(ratios.allSatisfy { abs($0 - 1_000) < 140 }, "\(ratios)")
        let offsets = parts.map { Double($0.x) / Double(500 - $0.width) }
        let meanOffset = offsets.reduce(0, +) / 4_000
        #expect(abs(meanOffset - 0.5) < 0.03)
    }

    /// The fallback if no part fits, (i, j, h, w) of torchvision's `get_params`, for strips on which all ten attempts at
    /// the whole area fail.
    @Test(arguments: [
        (1_000, 10, Box(x: 493, y: 0, width: 13, height: 10)),
        (10, 1_000, Box(x: 0, y: 493, width: 10, height: 13)),
        (400, 6, Box(x: 196, y: 0, width: 8, height: 6)),
        // 14 / 0.75 is 18.67.
        (14, 90, Box(x: 0, y: 35, width: 14, height: 19)),
    ])
    func fallbackMatchesTorchvision(_ width: Int, _ height: Int, _ expected: Box) {
        var generator = Xoshiro256(seed: 5)
        let part = RandomResizedCrop(scale: 1...1).part(
            ofWidth: width, height: height, using: &generator)
        #expect(part == expected)
    }

    /// A part is never empty and never extends beyond the picture.
    @Test(arguments: [(1, 1), (1, 2), (1, 500), (500, 1), (2, 3)])
    func partsFitThinPictures(_ width: Int, _ height: Int) {
        var generator = Xoshiro256(seed: 6)
        for _ in 0..<50 {
            let part = RandomResizedCrop(scale: 0.05...0.4).part(
                ofWidth: width, height: height, using: &generator)
            #expect(part.width >= 1 && part.height >= 1 && part.x >= 0 && part.y >= 0)
            #expect(part.x + part.width <= width && part.y + part.height <= height)
        }
    }
}
