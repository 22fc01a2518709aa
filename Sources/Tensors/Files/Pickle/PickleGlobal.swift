/// The classes, functions and constants that a pickle may name. Each stands for what the reader does with its
/// arguments; nothing is ever looked up or called.
///
/// These are the names that `torch.load(weights_only=True)` allows (torch/_weights_only_unpickler.py,
/// `_get_allowed_globals`), plus the harmless values that training scripts save with weights: arguments, paths, numpy's
/// scalars, Python's other containers.
enum PickleGlobal {
    /// `OrderedDict`, `Counter`, `defaultdict`: made from a dictionary, from pairs, or empty.
    case dictionary
    case namespace
    /// `_rebuild_tensor` and `_v2`: elements have the storage's type.
    case rebuildTensor
    /// `_rebuild_tensor_v3`: an argument gives the element type, as the storage is untyped.
    case rebuildTypedTensor
    /// Returns its first argument, a tensor.
    case rebuildParameter
    /// `_rebuild_from_type_v2`: a tensor with attributes, or of a subclass.
    case rebuildFromType
    /// The class of a tensor that `BUILD` fills, as PyTorch 0.1 wrote it.
    case tensorClass
    /// Returns a tensor that cannot be read.
    case unreadableTensor(UnreadableTensor)
    case size
    case storage(PickledType)
    case dtype(PickledType)
    /// Becomes `PickleGraph.Node.opaque`.
    case opaque

    init?(module: String, name: String) {
        switch (module, name) {
        case ("collections", "OrderedDict"), ("collections", "Counter"),
            ("collections", "defaultdict"):
            self = .dictionary
        case ("argparse", "Namespace"): self = .namespace
        case ("torch.nn.parameter", "Parameter"): self = .rebuildParameter
        case ("torch._tensor", "_rebuild_from_type_v2"): self = .rebuildFromType
        case ("torch._utils", _):
            guard let function = PickleGlobal.rebuilding[name] else { return nil }
            self = function
        case ("torch", "Size"): self = .size
        case ("torch.storage", "UntypedStorage"), ("torch.storage", "TypedStorage"):
            self = .storage(.untyped)
        case ("torch", _), ("torch.cuda", _):
            if let type = PickledType(storageClass: name) {
                self = .storage(type)
            } else if PickleGlobal.tensorClasses.contains(name) {
                self = .tensorClass
            } else if module == "torch", let type = PickledType(dtype: name) {
                self = .dtype(type)
            } else if module == "torch", PickleGlobal.constants.contains(name) {
                self = .opaque
            } else {
                return nil
            }
        case ("torch.sparse", _), ("torch.cuda.sparse", _):
            guard PickleGlobal.tensorClasses.contains(name) else { return nil }
            self = .unreadableTensor(.sparse)
        default:
            guard PickleGlobal.inert[module]?.contains(name) == true else { return nil }
            self = .opaque
        }
    }

    /// The functions of torch/_utils.py that rebuild saved tensors.
    private static let rebuilding: [String: PickleGlobal] = [
        "_rebuild_tensor": .rebuildTensor, "_rebuild_tensor_v2": .rebuildTensor,
        "_rebuild_tensor_v3": .rebuildTypedTensor,
        "_rebuild_parameter": .rebuildParameter,
        "_rebuild_parameter_with_state": .rebuildParameter,
        "_rebuild_device_tensor_from_cpu_tensor": .rebuildParameter,
        "_rebuild_qtensor": .unreadableTensor(.quantised),
        "_rebuild_sparse_tensor": .unreadableTensor(.sparse),
        "_rebuild_nested_tensor": .unreadableTensor(.nested),
        "_rebuild_meta_tensor_no_storage": .unreadableTensor(.meta),
        "_rebuild_wrapper_subclass": .unreadableTensor(.wrapper),
        "_rebuild_device_tensor_from_numpy": .unreadableTensor(.foreign),
        "_rebuild_xla_tensor": .unreadableTensor(.foreign),
    ]

    private static let tensorClasses: Set<String> = Set(
        ["", "Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool"]
            .map { $0 + "Tensor" })

    private static let constants: Set<String> = [
        "device", "per_tensor_affine", "per_tensor_symmetric", "per_channel_affine",
        "per_channel_symmetric", "per_channel_affine_float_qparams",
    ]

    /// Names of opaque values, by module. DINO's optimiser state has numpy scalars as learning rates, and its launcher
    /// stores a path among the arguments.
    private static let inert: [String: Set<String>] = {
        let array: Set<String> = ["scalar", "_reconstruct"]
        let path: Set<String> = ["PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"]
        let types: Set<String> = [
            "set", "frozenset", "bytearray", "complex", "slice", "range", "xrange", "list", "dict",
            "tuple", "int", "float", "bool", "str", "bytes",
        ]
        return [
            "torch.serialization": ["_get_layout"], "_codecs": ["encode"],
            "builtins": types, "__builtin__": types,
            "numpy.core.multiarray": array, "numpy._core.multiarray": array,
            "numpy.core.numeric": ["_frombuffer"], "numpy._core.numeric": ["_frombuffer"],
            "numpy": ["dtype", "ndarray"], "pathlib": path, "pathlib._local": path,
        ]
    }()
}

/// The reason why a tensor cannot be read; the raw value follows its name in messages.
enum UnreadableTensor: String {
    case sparse = "is sparse; expected a dense tensor (to_dense())"
    case quantised =
        "is quantised; expected floats (dequantize(), or the model before quantisation)"
    case nested = "is nested; expected a dense tensor"
    case meta = "was saved from the meta device, without values"
    case wrapper = "is of a subclass that was saved without values"
    case foreign = "was saved from an accelerator in a device-specific form; save it from the CPU"
    case negated = "is a negated view; expected its values (resolve_neg())"
}

/// The element type of a storage, or the type that a dtype denotes.
struct PickledType {
    /// PyTorch's name.
    var name: String
    /// Size of an element in bytes.
    var size: Int
    /// Nil if such elements cannot be read.
    var elementType: ElementType?

    /// Raw bytes; the tensor gives the element type.
    static let untyped = PickledType(name: "bytes", size: 1, elementType: nil)

    init?(dtype name: String) {
        let type = ElementType(rawValue: name)
        guard let size = type?.size ?? PickledType.otherSizes[name] else { return nil }
        self.init(name: name, size: size, elementType: type)
    }

    init?(storageClass name: String) {
        if name == "UntypedStorage" {
            self = .untyped
        } else if let dtype = PickledType.storageClasses[name] {
            self.init(dtype: dtype)
        } else {
            return nil
        }
    }

    private init(name: String, size: Int, elementType: ElementType?) {
        self.name = name
        self.size = size
        self.elementType = elementType
    }

    private static let storageClasses: [String: String] = [
        "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16",
        "BFloat16Storage": "bfloat16", "LongStorage": "int64", "IntStorage": "int32",
        "ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8",
        "BoolStorage": "bool", "ComplexFloatStorage": "complex64",
        "ComplexDoubleStorage": "complex128", "QInt8Storage": "qint8", "QUInt8Storage": "quint8",
        "QInt32Storage": "qint32", "QUInt4x2Storage": "quint4x2", "QUInt2x4Storage": "quint2x4",
    ]

    /// Sizes in bytes of element types that are known but cannot be read: complex numbers, quantised ones, bits.
    private static let otherSizes: [String: Int] = {
        var sizes = [
            "complex32": 4, "bcomplex32": 4, "complex64": 8, "complex128": 16, "qint8": 1,
            "quint8": 1, "qint32": 4, "quint4x2": 1, "quint2x4": 1, "bits1x8": 1, "bits2x4": 1,
            "bits4x2": 1, "bits8": 1, "bits16": 2, "float4_e2m1fn_x2": 1,
        ]
        for bits in 1...7 {
            sizes["int\(bits)"] = 1
            sizes["uint\(bits)"] = 1
        }
        return sizes
    }()
}
