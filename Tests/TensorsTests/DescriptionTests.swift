import Foundation
import Tensors
import Testing

/// The printed form of tensors.
@Suite struct DescriptionTests {
    private struct Case: Decodable {
        var shape: [Int]
        var elements: Elements
        var printed: String

        enum Elements: Decodable {
            case bits([UInt32])
            case steps(Steps)

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if let bits = try? container.decode([UInt32].self) {
                    self = .bits(bits)
                } else {
                    self = .steps(try container.decode(Steps.self))
                }
            }
        }

        struct Steps: Decodable {
            var count: Int
            var first: Float
            var step: Float
        }

        var tensor: Tensor {
            let numbers =
                switch elements {
                case .bits(let bits): bits.map(Float.init(bitPattern:))
                case .steps(let s): (0..<s.count).map { s.first + Float($0) * s.step }
                }
            return Tensor(numbers, shape: Shape(shape))
        }
    }

    @Test func printsElementsAsNumPyDoes() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Fixtures/printed.json")
        for c in try JSONDecoder().decode([Case].self, from: Data(contentsOf: path)) {
            let tensor = c.tensor
            #expect("\(tensor)" == "Tensor \(tensor.shape)\n\(c.printed)")
        }
    }

    @Test func debugDescriptionAndDumpHideStorage() {
        let tensor = Tensor([0.5, 1, 2, 3, 4.25, 5], shape: [2, 3]).rows(1..<2)
        #expect(String(reflecting: tensor) == "Tensor 1x3\n[[3.   4.25 5.  ]]")
        #expect(String(describing: [tensor]) == "[Tensor 1x3\n[[3.   4.25 5.  ]]]")
        var dumped = ""
        dump(tensor, to: &dumped)
        #expect(dumped.contains("1x3") && !dumped.lowercased().contains("storage"))
    }
}
