import Platform
import Tensors

/// Why a file's tensors do not make a vision transformer; the `description` is one sentence.
public enum WeightsError: Error, Hashable, Sendable {
    /// The file itself cannot be used.
    case file(TensorFileError)
    /// No tensor is the class token, by which the rest is found.
    case noTransformer(path: String, found: [String])
    /// Two names mean the same tensor.
    case ambiguous(path: String, name: String)
    /// Tensors of the model are missing, or tensors are left over that it has no place for.
    case notCovering(path: String, missing: [String], leftOver: [String])
    /// A tensor has not the shape that the others ask for.
    case shape(path: String, name: String, found: Shape, expected: String)
    /// The number of heads does not divide the width, or must be given.
    case heads(path: String, width: Int, heads: Int?)
    /// A `config.json` is not understood, or contradicts the tensors that it comes with.
    case config(path: String, reason: String)
    /// Parameters have elements that are infinite or not a number.
    case notFinite(path: String, [NonFiniteParameter])
    /// The weights that come with the package are where none of them is looked for.
    case noBundledWeights(places: [String])
}

extension WeightsError: CustomStringConvertible {
    public var description: String { printable(sentence) }

    private var sentence: String {
        switch self {
        case .file(let error): return error.description
        case .noTransformer(let path, let found):
            return "\(path) holds no vision transformer: expected a tensor named cls_token, found"
                + " \(listed(found))"
        case .ambiguous(let path, let name):
            return "\(path) holds \(name) twice, under different prefixes"
        case .notCovering(let path, let missing, let leftOver):
            var parts: [String] = []
            if !missing.isEmpty { parts.append("missing are \(listed(missing))") }
            if !leftOver.isEmpty { parts.append("left over are \(listed(leftOver))") }
            return "\(path) does not fit a vision transformer: " + parts.joined(separator: "; ")
        case .shape(let path, let name, let found, let expected):
            return "\(path) does not fit a vision transformer: \(name) has the shape \(found),"
                + " expected \(expected)"
        case .heads(let path, let width, nil):
            return "\(path) has width \(width), which is no multiple of 64, so that its number of"
                + " heads cannot be told; give it with --heads"
        case .heads(let path, let width, let heads?):
            return "\(path) has width \(width), which \(heads) heads do not divide"
        case .config(let path, let reason):
            return "\(path) cannot be used: \(reason)"
        case .notFinite(let path, let parameters):
            return "the weights in \(path) are not finite: \(parameters.summary)"
        case .noBundledWeights(let places):
            return "the weights that come with the program are missing: there is no"
                + " \(places.joined(separator: ", nor "))"
        }
    }
}
